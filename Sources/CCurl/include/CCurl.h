#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

// libcurl's setters and getters are variadic, and Swift cannot call those: one typed function for each type that is used.
CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value);
CURLcode ccurl_set_size(CURL *handle, CURLoption option, curl_off_t value);
CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value);
CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode ccurl_get_long(CURL *handle, CURLINFO info, long *value);
CURLcode ccurl_get_pointer(CURL *handle, CURLINFO info, void **value);
CURLMcode ccurl_multi_set_long(CURLM *handle, CURLMoption option, long value);

/// What every transfer has for safety: paths as they stand, TLS 1.2 at least whatever the system says, no .netrc, and no proxy to this machine itself or its metadata service.
CURLcode ccurl_secure(CURL *handle, int is_local);

/// Whether libcurl reads a URL as one of that scheme and host, without a user: what was judged is where it goes.
int ccurl_leads_to(const char *url, const char *scheme, const char *host);

typedef size_t (*ccurl_transfer)(char *bytes, size_t size, size_t count, void *context);

/// Response headers and body arrive through `header` and `body`; a request body, if there is one, leaves through `read`.
/// The seek function always fails: libcurl must never send a request body twice by itself.
CURLcode ccurl_set_callbacks(CURL *handle, ccurl_transfer header, ccurl_transfer body, ccurl_transfer read, void *context);

/// When the certificate ends that the server of a finished transfer has shown, in seconds since 1970; -1 where none was
/// shown in it: over plain http, and on a connection that stood before.
time_t ccurl_certificate_end(CURL *handle);

/// The next finished transfer, or NULL; its result in `result`.
CURL *ccurl_multi_next_done(CURLM *multi, CURLcode *result);

#endif
