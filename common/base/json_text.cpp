#include "common/base/json_text.hpp"

#include "common/base/json.hpp"

template class nlohmann::basic_json<>;

namespace scpool {

using nlohmann::json;

json parse_json(std::string_view text) {
  return json::parse(text, nullptr, false);
}

std::string json_text(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

std::string ascii_json_text(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace scpool
