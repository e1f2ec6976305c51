// The world that is measured, as a function of its size: users, groups, and memberships that are spread evenly. Nothing is kept, so that a
// page of any size costs its writer the same, and what is measured is the program that reads it.
#pragma once
#include <cstdio>
#include <string>

struct World {
    long users, groups, memberships;
    // One user in a hundred has another first name in the directory than on the target.
    bool isChanged = false;

    long turns() const { return memberships / users; }

    static std::string number(long n) {
        char text[16];
        snprintf(text, sizeof text, "%07ld", n);
        return text;
    }

    std::string given(long n) const { return isChanged && n % 100 == 0 ? "Renamed" : "Person"; }
    std::string displayName(long n) const { return given(n) + " " + number(n); }

    // Group g has the users u for which (u + turn) mod groups is g, turn by turn.
    template <typename Each> void members(long group, Each each) const {
        for (long turn = 0; turn < turns(); turn++) {
            long first = ((group - turn) % groups + groups) % groups;
            for (long user = first; user < users; user += groups) each(user);
        }
    }

    void user(std::string &out, long n) const {
        std::string id = number(n);
        out += "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"id\":\"t" + id + "\",\"externalId\":\"user_" + id
            + "\",\"meta\":{\"resourceType\":\"User\",\"created\":\"2026-01-01T00:00:00Z\"},\"userName\":\"person" + id + "\",\"displayName\":\"" + displayName(n)
            + "\",\"name\":{\"givenName\":\"" + given(n) + "\",\"familyName\":\"" + id + "\"},\"emails\":[{\"value\":\"person" + id + "@corp.example\",\"type\":\"work\",\"primary\":true}],\"active\":true}";
    }

    void group(std::string &out, long g) const {
        std::string id = number(g);
        out += "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Group\"],\"id\":\"g" + id + "\",\"externalId\":\"group_" + id
            + "\",\"meta\":{\"resourceType\":\"Group\",\"created\":\"2026-01-01T00:00:00Z\"},\"displayName\":\"Group " + id + "\",\"members\":[";
        bool isFirst = true;
        members(g, [&](long user) {
            out += isFirst ? "{\"value\":\"t" : ",{\"value\":\"t";
            out += number(user);
            out += "\",\"type\":\"User\"}";
            isFirst = false;
        });
        out += "]}";
    }

    // A page of a list, from 1.
    std::string page(bool isUsers, long start, long count) const {
        long all = isUsers ? users : groups;
        long last = std::min(all, start - 1 + count);
        std::string out = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\"totalResults\":" + std::to_string(all)
            + ",\"startIndex\":" + std::to_string(start) + ",\"itemsPerPage\":" + std::to_string(std::max(0L, last - start + 1)) + ",\"Resources\":[";
        for (long n = start - 1; n < last; n++) {
            if (n >= start) out += ",";
            if (isUsers) user(out, n); else group(out, n);
        }
        return out + "]}";
    }
};
