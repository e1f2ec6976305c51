#ifndef CCRYPTO_H
#define CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

/// SHA-256 of `count` bytes into `digest`, which has room for 32.
void ccrypto_sha256(const void *bytes, size_t count, uint8_t *digest);

/// HMAC-SHA-256 (RFC 2104) of `count` bytes into `digest`, which has room for 32.
void ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count, uint8_t *digest);

/// When the certificate in a PEM file ends, in seconds since 1970; -1 where it cannot be read.
int64_t ccrypto_certificate_end(const char *path);

#endif
