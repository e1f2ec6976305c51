#include "CCrypto.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

void ccrypto_sha256(const void *bytes, size_t count, uint8_t *digest) { SHA256(bytes, count, digest); }

void ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count, uint8_t *digest) {
  unsigned int length = 32;
  HMAC(EVP_sha256(), key, (int)key_count, bytes, count, digest, &length);
}
