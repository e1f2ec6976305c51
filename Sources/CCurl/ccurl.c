#include "CCurl.h"

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) { return curl_easy_setopt(handle, option, value); }
CURLcode ccurl_set_size(CURL *handle, CURLoption option, curl_off_t value) { return curl_easy_setopt(handle, option, value); }
CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) { return curl_easy_setopt(handle, option, value); }
CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) { return curl_easy_setopt(handle, option, value); }
CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) { return curl_easy_setopt(handle, option, value); }
CURLcode ccurl_get_long(CURL *handle, CURLINFO info, long *value) { return curl_easy_getinfo(handle, info, value); }
CURLcode ccurl_get_pointer(CURL *handle, CURLINFO info, void **value) { return curl_easy_getinfo(handle, info, value); }
CURLMcode ccurl_multi_set_long(CURLM *handle, CURLMoption option, long value) { return curl_multi_setopt(handle, option, value); }

static int refuse_to_rewind(void *context, curl_off_t offset, int origin) {
  (void)context; (void)offset; (void)origin;
  return CURL_SEEKFUNC_FAIL;
}

CURLcode ccurl_set_callbacks(CURL *handle, ccurl_transfer header, ccurl_transfer body, ccurl_transfer read, void *context) {
  CURLcode code;
  if ((code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, header))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_HEADERDATA, context))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_WRITEDATA, context))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_READFUNCTION, read))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_READDATA, context))) return code;
  return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, refuse_to_rewind);
}

CURL *ccurl_multi_next_done(CURLM *multi, CURLcode *result) {
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left)) != NULL) {
    if (message->msg == CURLMSG_DONE) {
      *result = message->data.result;
      return message->easy_handle;
    }
  }
  return NULL;
}
