// A SCIM server without a store, for measurements: it answers what the world of its size holds, takes what is written, and forgets it.
//
//   server PORT USERS GROUPS MEMBERSHIPS [empty] [delay=MICROSECONDS]    serves; port 0 takes a free one and prints it
//   server directory FILE USERS GROUPS MEMBERSHIPS [changed]             writes the directory file of the same world
#include "world.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static World world;
static bool isEmpty = false;
static long delay = 0, requests = 0, largest = 0, posts = 0;
static double firstPost = 0, lastPost = 0;

static double now() {
    timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e6 + at.tv_nsec / 1e3;
}

struct Connection {
    std::string in, out;
    std::deque<std::pair<double, std::string>> later;
};

static std::string answer(const char *status, const std::string &body) {
    largest = std::max(largest, (long)body.size());
    return std::string("HTTP/1.1 ") + status + "\r\nContent-Type: application/scim+json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

static long parameter(const std::string &path, const char *name, long otherwise) {
    size_t at = path.find(std::string(name) + "=");
    return at == std::string::npos ? otherwise : strtol(path.c_str() + at + strlen(name) + 1, nullptr, 10);
}

// The text of a member of a JSON object that this program's clients write: plain names, no escapes.
static std::string text(const std::string &body, const char *name) {
    size_t at = body.find(std::string("\"") + name + "\":\"");
    if (at == std::string::npos) return "";
    at += strlen(name) + 4;
    return body.substr(at, body.find('"', at) - at);
}

static std::string respond(const std::string &method, const std::string &path, const std::string &body) {
    requests++;
    bool isUsers = path.find("/Users") != std::string::npos, isGroups = path.find("/Groups") != std::string::npos;
    if (path.find("/ServiceProviderConfig") != std::string::npos)
        return answer("200 OK", "{\"patch\":{\"supported\":true},\"filter\":{\"supported\":true,\"maxResults\":1000},\"etag\":{\"supported\":false}}");
    if (path == "/requests") return answer("200 OK", "{\"requests\":" + std::to_string(requests) + ",\"largest\":" + std::to_string(largest) + ",\"posts\":" + std::to_string(posts)
        + ",\"microseconds\":" + std::to_string((long)(lastPost - firstPost)) + "}");
    if (!isUsers && !isGroups) return answer("404 Not Found", "{}");
    if (method == "POST") {
        posts++;
        if (posts == 1) firstPost = now();
        lastPost = now();
        std::string mark = text(body, "externalId");
        std::string id = (isUsers ? "t" : "g") + mark.substr(mark.find('_') + 1);
        return answer("201 Created", "{\"id\":\"" + id + "\"," + body.substr(body.find('{') + 1));
    }
    size_t slash = path.find('/', path.find(isUsers ? "/Users" : "/Groups") + 1);
    if (slash != std::string::npos && path.find('?') == std::string::npos) {
        long n = strtol(path.c_str() + slash + 2, nullptr, 10);
        if (method == "DELETE") return answer("204 No Content", "");
        if (method == "PATCH" && isGroups) return answer("204 No Content", "");
        std::string out;
        // What was changed is shown as it was sent: the directory that renames has nothing else to say.
        World shown = world;
        shown.isChanged = method == "PATCH";
        if (isUsers) shown.user(out, n); else shown.group(out, n);
        return answer("200 OK", out);
    }
    if (path.find("filter=") != std::string::npos || isEmpty)
        return answer("200 OK", "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\"totalResults\":0,\"startIndex\":1,\"itemsPerPage\":0,\"Resources\":[]}");
    return answer("200 OK", world.page(isUsers, parameter(path, "startIndex", 1), std::min(1000L, parameter(path, "count", 100))));
}

// Takes whole requests off what has come in.
static void take(Connection &connection) {
    for (;;) {
        size_t end = connection.in.find("\r\n\r\n");
        if (end == std::string::npos) return;
        std::string head = connection.in.substr(0, end);
        size_t length = 0;
        for (size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2))
            if (strncasecmp(head.c_str() + at + 2, "content-length:", 15) == 0) length = strtoul(head.c_str() + at + 17, nullptr, 10);
        if (connection.in.size() < end + 4 + length) return;
        size_t space = head.find(' '), second = head.find(' ', space + 1);
        std::string out = respond(head.substr(0, space), head.substr(space + 1, second - space - 1), connection.in.substr(end + 4, length));
        connection.in.erase(0, end + 4 + length);
        if (delay > 0) connection.later.emplace_back(now() + delay, std::move(out)); else connection.out += out;
    }
}

static int directory(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) return 1;
    fputs("{\"users\":[\n", file);
    for (long n = 0; n < world.users; n++) {
        std::string id = World::number(n);
        fprintf(file, "%s{\"userId\":\"user_%s\",\"username\":\"person%s\",\"displayName\":\"%s\",\"email\":\"person%s@corp.example\",\"status\":\"enabled\"}", n ? ",\n" : "",
            id.c_str(), id.c_str(), world.displayName(n).c_str(), id.c_str());
    }
    fputs("],\n\"groups\":[\n", file);
    for (long g = 0; g < world.groups; g++) {
        std::string id = World::number(g);
        fprintf(file, "%s{\"groupId\":\"group_%s\",\"groupName\":\"Group %s\",\"members\":[", g ? ",\n" : "", id.c_str(), id.c_str());
        bool isFirst = true;
        world.members(g, [&](long user) {
            fprintf(file, "%s\"user_%s\"", isFirst ? "" : ",", World::number(user).c_str());
            isFirst = false;
        });
        fputs("]}", file);
    }
    fputs("]}\n", file);
    return fclose(file);
}

int main(int count, char **words) {
    if (count < 5) return 64;
    bool writes = strcmp(words[1], "directory") == 0;
    char **size = words + (writes ? 3 : 2);
    world = World{atol(size[0]), atol(size[1]), atol(size[2])};
    for (int n = 5; n < count; n++) {
        if (strcmp(words[n], "empty") == 0) isEmpty = true;
        if (strcmp(words[n], "changed") == 0) world.isChanged = true;
        if (strncmp(words[n], "delay=", 6) == 0) delay = atol(words[n] + 6);
    }
    if (writes) return directory(words[2]);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(atoi(words[1]));
    socklen_t length = sizeof address;
    if (bind(listener, (sockaddr *)&address, length) || listen(listener, 512)) return 71;
    getsockname(listener, (sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int epoll = epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    std::map<int, Connection> connections;
    auto flush = [&](int fd, Connection &connection) {
        while (!connection.out.empty()) {
            ssize_t sent = send(fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
            if (sent <= 0) break;
            connection.out.erase(0, sent);
        }
        epoll_event wanted{};
        wanted.events = EPOLLIN | (connection.out.empty() ? 0u : (unsigned)EPOLLOUT);
        wanted.data.fd = fd;
        epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &wanted);
    };
    for (;;) {
        int wait = -1;
        if (delay > 0) {
            double first = 1e300;
            for (auto &[fd, connection] : connections) if (!connection.later.empty()) first = std::min(first, connection.later.front().first);
            if (first < 1e300) wait = std::max(0, (int)((first - now()) / 1000));
        }
        epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, wait);
        if (ready < 0 && errno != EINTR) return 71;
        for (int n = 0; n < ready; n++) {
            int fd = events[n].data.fd;
            if (fd == listener) {
                int made = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
                if (made < 0) continue;
                setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                epoll_event added{};
                added.events = EPOLLIN;
                added.data.fd = made;
                epoll_ctl(epoll, EPOLL_CTL_ADD, made, &added);
                connections[made];
                continue;
            }
            Connection &connection = connections[fd];
            char buffer[1 << 16];
            ssize_t got = 0;
            while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0) connection.in.append(buffer, got);
            if (got == 0 || (got < 0 && errno != EAGAIN)) {
                close(fd);
                connections.erase(fd);
                continue;
            }
            take(connection);
            flush(fd, connection);
        }
        if (delay > 0)
            for (auto &[fd, connection] : connections) {
                bool hasMore = false;
                while (!connection.later.empty() && connection.later.front().first <= now() + 50) {
                    connection.out += connection.later.front().second;
                    connection.later.pop_front();
                    hasMore = true;
                }
                if (hasMore) flush(fd, connection);
            }
    }
}
