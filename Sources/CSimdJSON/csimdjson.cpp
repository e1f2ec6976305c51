#include "CSimdJSON.h"

#include <algorithm>
#include <cstring>
#include <simdjson.h>
#include <string>
#include <string_view>
#include <vector>

using namespace simdjson;

// A csimdjson_value is a dom::element by another name: Swift can hold it by value without knowing simdjson.
static_assert(sizeof(dom::element) == sizeof(csimdjson_value), "element layout");
static_assert(sizeof(dom::array::iterator) == sizeof(csimdjson_value), "array iterator layout");
static_assert(sizeof(dom::object::iterator) == sizeof(csimdjson_value), "object iterator layout");

struct csimdjson_parser {
  dom::parser parser;
  std::string complaint;
  std::string quoted;
};

template <typename To, typename From> static To recast(const From &from) {
  To to;
  std::memcpy(static_cast<void *>(&to), static_cast<const void *>(&from), sizeof(To));
  return to;
}

static dom::element element_of(csimdjson_value value) { return recast<dom::element>(value); }

// RFC 8259 leaves duplicate names open and simdjson keeps both: which one counts would then depend on the reader. Refused.
static bool find_duplicate(dom::element element, std::string &name) {
  if (element.is_array()) {
    for (dom::element child : dom::array(element))
      if (find_duplicate(child, name)) return true;
  } else if (element.is_object()) {
    std::vector<std::string_view> keys;
    for (auto field : dom::object(element)) {
      keys.push_back(field.key);
      if (find_duplicate(field.value, name)) return true;
    }
    std::sort(keys.begin(), keys.end());
    auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) {
      name = std::string(*twice);
      return true;
    }
  }
  return false;
}

// Integers beyond 64 bits with a sign are put into quotes: as doubles they would lose their last digits, or simdjson refuses the whole document. Returns false where there is none, and then leaves `quoted` alone.
static bool quote_long_integers(const char *bytes, size_t count, std::string &quoted) {
  constexpr std::string_view most = "9223372036854775807";
  auto is_digit = [&](size_t i) { return i < count && bytes[i] >= '0' && bytes[i] <= '9'; };
  size_t written = 0;
  bool found = false;
  for (size_t i = 0; i < count;) {
    if (bytes[i] == '"') {
      for (++i; i < count && bytes[i] != '"'; ++i)
        if (bytes[i] == '\\') ++i;
      ++i;
    } else if (is_digit(i)) {
      size_t start = i;
      while (is_digit(i)) ++i;
      size_t length = i - start;
      if (length < most.size() || (length == most.size() && std::string_view(bytes + start, length) <= most)) continue;
      if (start > 0 && bytes[start - 1] == '-') --start;
      // Part of a fraction or of an exponent, or followed by one; or no JSON at all, which the parser then says.
      char before = start > 0 ? bytes[start - 1] : ' ', after = i < count ? bytes[i] : ' ';
      if (std::strchr(".eE+-", before) || std::strchr(".eE", after) || (bytes[start] == '0' && i - start > 1)) continue;
      if (!found) quoted.clear();
      found = true;
      quoted.append(bytes + written, start - written).append("\"").append(bytes + start, i - start).append("\"");
      written = i;
    } else {
      ++i;
    }
  }
  if (found) quoted.append(bytes + written, count - written);
  return found;
}

extern "C" {

csimdjson_parser *csimdjson_parser_create(void) { return new csimdjson_parser(); }
void csimdjson_parser_destroy(csimdjson_parser *parser) { delete parser; }

const char *csimdjson_parse(csimdjson_parser *parser, const char *bytes, size_t count, csimdjson_value *root) {
  dom::element element;
  if (quote_long_integers(bytes, count, parser->quoted)) {
    bytes = parser->quoted.data();
    count = parser->quoted.size();
  }
  auto error = parser->parser.parse(bytes, count, true).get(element);
  if (error) {
    parser->complaint = error_message(error);
    return parser->complaint.c_str();
  }
  std::string name;
  if (find_duplicate(element, name)) {
    parser->complaint = "the name \"" + name + "\" stands twice in one object";
    return parser->complaint.c_str();
  }
  *root = recast<csimdjson_value>(element);
  return nullptr;
}

enum csimdjson_kind csimdjson_kind_of(csimdjson_value value) {
  switch (element_of(value).type()) {
    case dom::element_type::BOOL: return CSIMDJSON_BOOL;
    case dom::element_type::INT64: return CSIMDJSON_INT;
    case dom::element_type::UINT64: return CSIMDJSON_UINT;
    case dom::element_type::DOUBLE: return CSIMDJSON_DOUBLE;
    case dom::element_type::STRING: return CSIMDJSON_STRING;
    case dom::element_type::ARRAY: return CSIMDJSON_ARRAY;
    case dom::element_type::OBJECT: return CSIMDJSON_OBJECT;
    default: return CSIMDJSON_NULL;
  }
}

bool csimdjson_bool(csimdjson_value value) { bool result = false; (void)element_of(value).get(result); return result; }
int64_t csimdjson_int(csimdjson_value value) { int64_t result = 0; (void)element_of(value).get(result); return result; }
uint64_t csimdjson_uint(csimdjson_value value) { uint64_t result = 0; (void)element_of(value).get(result); return result; }
double csimdjson_double(csimdjson_value value) { double result = 0; (void)element_of(value).get(result); return result; }

const char *csimdjson_string(csimdjson_value value, size_t *count) {
  std::string_view view;
  if (element_of(value).get(view)) { *count = 0; return ""; }
  *count = view.size();
  return view.data();
}

csimdjson_walk csimdjson_walk_start(csimdjson_value container) {
  dom::element element = element_of(container);
  csimdjson_walk walk;
  walk.object = element.is_object();
  if (walk.object) {
    dom::object object(element);
    walk.at = recast<csimdjson_value>(object.begin());
    walk.end = recast<csimdjson_value>(object.end());
  } else if (element.is_array()) {
    dom::array array(element);
    walk.at = recast<csimdjson_value>(array.begin());
    walk.end = recast<csimdjson_value>(array.end());
  } else {
    walk.at = walk.end = container;
  }
  return walk;
}

bool csimdjson_walk_next(csimdjson_walk *walk, const char **key, size_t *key_count, csimdjson_value *value) {
  if (walk->at.index == walk->end.index) return false;
  if (walk->object) {
    auto iterator = recast<dom::object::iterator>(walk->at);
    std::string_view name = iterator.key();
    *key = name.data();
    *key_count = name.size();
    *value = recast<csimdjson_value>(iterator.value());
    ++iterator;
    walk->at = recast<csimdjson_value>(iterator);
  } else {
    auto iterator = recast<dom::array::iterator>(walk->at);
    *key = nullptr;
    *key_count = 0;
    *value = recast<csimdjson_value>(*iterator);
    ++iterator;
    walk->at = recast<csimdjson_value>(iterator);
  }
  return true;
}

bool csimdjson_member(csimdjson_value object, const char *key, size_t count, csimdjson_value *value) {
  dom::object fields;
  if (element_of(object).get(fields)) return false;
  dom::element found;
  if (fields.at_key(std::string_view(key, count)).get(found)) return false;
  *value = recast<csimdjson_value>(found);
  return true;
}

}
