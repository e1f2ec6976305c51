// The rate that libcurl alone reaches: creates of the same size against the same server, a number of them at a time, over one multi handle.
//
//   wire PORT CREATES CONCURRENCY          prints creates a second
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <curl/curl.h>
#include <string>
#include <vector>

static size_t drop(char *, size_t size, size_t count, void *) { return size * count; }

static double now() {
    timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int count, char **words) {
    if (count != 4) return 64;
    std::string url = std::string("http://127.0.0.1:") + words[1] + "/scim/v2/Users";
    long creates = atol(words[2]), started = 0, ended = 0;
    int concurrency = atoi(words[3]);
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    curl_slist *headers = curl_slist_append(nullptr, "Content-Type: application/scim+json");
    headers = curl_slist_append(headers, "Authorization: Bearer x");
    std::vector<CURL *> handles;
    std::vector<std::string> bodies(concurrency);
    auto start = [&](CURL *handle, size_t place) {
        char id[16];
        snprintf(id, sizeof id, "%07ld", started++);
        bodies[place] = std::string("{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"externalId\":\"user_") + id + "\",\"userName\":\"person" + id
            + "\",\"displayName\":\"Person " + id + "\",\"name\":{\"givenName\":\"Person\",\"familyName\":\"" + id + "\"},\"emails\":[{\"value\":\"person" + id
            + "@corp.example\",\"type\":\"work\",\"primary\":true}],\"active\":true}";
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, bodies[place].c_str());
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)bodies[place].size());
        curl_multi_add_handle(multi, handle);
    };
    double began = now();
    for (int n = 0; n < concurrency && started < creates; n++) {
        CURL *handle = curl_easy_init();
        curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop);
        curl_easy_setopt(handle, CURLOPT_PRIVATE, (void *)(size_t)n);
        handles.push_back(handle);
        start(handle, n);
    }
    while (ended < creates) {
        int running;
        curl_multi_perform(multi, &running);
        int left;
        bool hasEnded = false;
        while (CURLMsg *message = curl_multi_info_read(multi, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            long status = 0;
            curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
            if (status != 201) return 70;
            void *place;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &place);
            CURL *handle = message->easy_handle;
            curl_multi_remove_handle(multi, handle);
            ended++;
            hasEnded = true;
            if (started < creates) start(handle, (size_t)place);
        }
        if (!hasEnded) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
    }
    printf("%.0f\n", creates / (now() - began));
}
