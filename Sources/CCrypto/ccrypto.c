#include "CCrypto.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

void ccrypto_sha256(const void *bytes, size_t count, uint8_t *digest) { SHA256(bytes, count, digest); }

void ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count, uint8_t *digest) {
  unsigned int length = 32;
  HMAC(EVP_sha256(), key, (int)key_count, bytes, count, digest, &length);
}

int64_t ccrypto_certificate_end(const char *path) {
  FILE *file = fopen(path, "re");
  X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
  struct tm moment;
  int64_t end = -1;
  if (certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &moment)) end = timegm(&moment);
  X509_free(certificate);
  if (file) fclose(file);
  return end;
}
