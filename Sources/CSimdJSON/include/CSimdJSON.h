#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A parser of its own memory; a parsed document lives until the parser's next document.
typedef struct csimdjson_parser csimdjson_parser;

/// A place in a parsed document: two words, copied freely, valid as long as the document.
typedef struct { const void *document; size_t index; } csimdjson_value;

enum csimdjson_kind { CSIMDJSON_NULL, CSIMDJSON_BOOL, CSIMDJSON_INT, CSIMDJSON_UINT, CSIMDJSON_DOUBLE, CSIMDJSON_STRING, CSIMDJSON_ARRAY, CSIMDJSON_OBJECT };

csimdjson_parser *csimdjson_parser_create(void);
void csimdjson_parser_destroy(csimdjson_parser *parser);

/// Parses one whole document; integers beyond 64 bits come as strings. NULL when it is good; otherwise what is wrong, as a static or parser-owned string.
const char *csimdjson_parse(csimdjson_parser *parser, const char *bytes, size_t count, csimdjson_value *root);

enum csimdjson_kind csimdjson_kind_of(csimdjson_value value);
bool csimdjson_bool(csimdjson_value value);
int64_t csimdjson_int(csimdjson_value value);
uint64_t csimdjson_uint(csimdjson_value value);
double csimdjson_double(csimdjson_value value);
const char *csimdjson_string(csimdjson_value value, size_t *count);

/// Walking an array or an object: start, then next until false.
typedef struct { csimdjson_value at, end; bool object; } csimdjson_walk;
csimdjson_walk csimdjson_walk_start(csimdjson_value container);
bool csimdjson_walk_next(csimdjson_walk *walk, const char **key, size_t *key_count, csimdjson_value *value);

/// The member of that exact name; false when there is none.
bool csimdjson_member(csimdjson_value object, const char *key, size_t count, csimdjson_value *value);

#ifdef __cplusplus
}
#endif
#endif
