#ifndef CCRYPTO_H
#define CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

/// SHA-256 of `count` bytes into `digest`, which has room for 32.
void ccrypto_sha256(const void *bytes, size_t count, uint8_t *digest);

#endif
