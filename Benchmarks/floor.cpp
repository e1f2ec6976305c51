// The least that the same work costs: the same pages parsed by simdjson, the same rows inserted in the order of their keys, and both sides
// compared, in one loop over SQLite without a word of this project's. What the program needs is told as a multiple of this.
//
//   floor USERS GROUPS MEMBERSHIPS          all of it
//   floor USERS GROUPS MEMBERSHIPS pages    only the making of the pages, which is no part of the work: it is taken off
#include "world.hpp"
#include <algorithm>
#include <cstdlib>
#include <simdjson.h>
#include <sqlite3.h>
#include <unordered_map>
#include <vector>

static sqlite3 *db;

static void run(const char *sql) {
    char *why = nullptr;
    if (sqlite3_exec(db, sql, nullptr, nullptr, &why) != SQLITE_OK) {
        fprintf(stderr, "floor: %s\n", why);
        exit(70);
    }
}

static sqlite3_stmt *prepared(const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) exit(70);
    return statement;
}

static long counted(const char *sql) {
    sqlite3_stmt *statement = prepared(sql);
    sqlite3_step(statement);
    long found = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return found;
}

int main(int count, char **words) {
    if (count != 4 && count != 5) return 64;
    World world{atol(words[1]), atol(words[2]), atol(words[3])};
    if (count == 5) {
        size_t bytes = 0;
        for (int side = 0; side < 2; side++)
            for (int isUsers = 1; isUsers >= 0; isUsers--)
                for (long start = 1; start <= (isUsers ? world.users : world.groups); start += 1000)
                    bytes += simdjson::padded_string(world.page(isUsers, start, 1000)).size();
        printf("%zu bytes\n", bytes);
        return 0;
    }
    // A file that is deleted when it is closed, as scratch files are.
    sqlite3_open("", &db);
    run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;"
        "CREATE TABLE source (n INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL);"
        "CREATE TABLE target (n INTEGER PRIMARY KEY, id TEXT NOT NULL, mark TEXT NOT NULL, body TEXT NOT NULL);"
        "CREATE TABLE source_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, PRIMARY KEY (grp, usr)) WITHOUT ROWID;"
        "CREATE TABLE target_members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, PRIMARY KEY (grp, usr)) WITHOUT ROWID; BEGIN");
    for (const char *side : {"source", "target"}) {
        bool isTarget = side[0] == 't';
        sqlite3_stmt *row = prepared(isTarget ? "INSERT INTO target VALUES (?, ?, ?, ?)" : "INSERT INTO source VALUES (?, ?, ?)");
        sqlite3_stmt *member = prepared(isTarget ? "INSERT INTO target_members VALUES (?, ?)" : "INSERT INTO source_members VALUES (?, ?)");
        std::unordered_map<std::string, long> numbers;
        simdjson::dom::parser parser;
        for (int isUsers = 1; isUsers >= 0; isUsers--) {
            long all = isUsers ? world.users : world.groups;
            for (long start = 1; start <= all; start += 1000) {
                simdjson::padded_string page(world.page(isUsers, start, 1000));
                for (simdjson::dom::element resource : parser.parse(page)["Resources"]) {
                    std::string id{std::string_view(resource["id"])};
                    long n = numbers.size();
                    numbers.emplace(id, n);
                    std::string body = simdjson::minify(isUsers ? resource["emails"].value() : resource["displayName"].value());
                    std::string mark{std::string_view(resource["externalId"])};
                    int place = 1;
                    sqlite3_bind_int64(row, place++, n);
                    sqlite3_bind_text(row, place++, id.data(), id.size(), SQLITE_STATIC);
                    if (isTarget) sqlite3_bind_text(row, place++, mark.data(), mark.size(), SQLITE_STATIC);
                    sqlite3_bind_text(row, place++, body.data(), body.size(), SQLITE_STATIC);
                    if (sqlite3_step(row) != SQLITE_DONE) return 70;
                    sqlite3_reset(row);
                    if (isUsers) continue;
                    std::vector<long> members;
                    for (simdjson::dom::element element : resource["members"]) members.push_back(numbers.at(std::string(std::string_view(element["value"]))));
                    std::sort(members.begin(), members.end());
                    for (long user : members) {
                        sqlite3_bind_int64(member, 1, n);
                        sqlite3_bind_int64(member, 2, user);
                        if (sqlite3_step(member) != SQLITE_DONE) return 70;
                        sqlite3_reset(member);
                    }
                }
            }
        }
        sqlite3_finalize(row);
        sqlite3_finalize(member);
    }
    run("COMMIT");
    long differing = counted("SELECT count(*) FROM source s LEFT JOIN target t ON t.n = s.n WHERE t.n IS NULL OR t.id <> s.id OR t.body <> s.body")
        + counted("SELECT count(*) FROM source_members s WHERE NOT EXISTS (SELECT 1 FROM target_members t WHERE t.grp = s.grp AND t.usr = s.usr)")
        + counted("SELECT count(*) FROM target_members t WHERE NOT EXISTS (SELECT 1 FROM source_members s WHERE s.grp = t.grp AND s.usr = t.usr)");
    printf("%ld differ\n", differing);
    return differing != 0;
}
