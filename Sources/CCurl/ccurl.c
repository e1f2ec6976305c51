#include "CCurl.h"

#include <string.h>
#include <strings.h>

CURLcode ccurl_secure(CURL *handle, int is_local) {
  CURLcode code;
  // Dots in a path are sent as they stand: what was judged is what is asked for.
  if ((code = curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2))) return code;
  if ((code = curl_easy_setopt(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED))) return code;
  // A credential to this machine itself never passes a proxy.
  return is_local ? curl_easy_setopt(handle, CURLOPT_NOPROXY, "*") : CURLE_OK;
}

int ccurl_leads_to(const char *url, const char *scheme, const char *host) {
  CURLU *parsed = curl_url();
  char *found_scheme = NULL, *found_host = NULL, *user = NULL;
  int same = 0;
  if (parsed && !curl_url_set(parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS) && !curl_url_get(parsed, CURLUPART_SCHEME, &found_scheme, 0) &&
      !curl_url_get(parsed, CURLUPART_HOST, &found_host, 0))
    same = strcasecmp(found_scheme, scheme) == 0 && strcasecmp(found_host, host) == 0 && curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
  curl_free(found_scheme);
  curl_free(found_host);
  curl_free(user);
  curl_url_cleanup(parsed);
  return same;
}

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

time_t ccurl_certificate_end(CURL *handle) {
  static const char label[] = "Expire date:";
  struct curl_certinfo *chain = NULL;
  if (curl_easy_getinfo(handle, CURLINFO_CERTINFO, &chain) || !chain || chain->num_of_certs < 1) return -1;
  // The server's own stands first.
  for (struct curl_slist *line = chain->certinfo[0]; line; line = line->next)
    if (strncmp(line->data, label, sizeof label - 1) == 0) return curl_getdate(line->data + sizeof label - 1, NULL);
  return -1;
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
