// What requests say beside their parts, and the usual answers.
#include <algorithm>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "common/io/http_connection.hpp"

namespace scpool {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The path and query of the target, whatever its form; empty when it is none for us.
std::string path_and_query(const RequestHead& head) {
  if (head.target.starts_with('/')) {
    return head.target;
  }
  if (head.target == "*") {
    return head.method == "OPTIONS" ? "*" : "";
  }
  // RFC 9112 section 3.2.2: servers accept the absolute form.
  const auto absolute = parse_absolute_target(head.method, head.target);
  const auto* target = std::get_if<AbsoluteTarget>(&absolute);
  return target != nullptr ? target->path_and_query : "";
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || high * 16 + low == 0) {
      return std::nullopt;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool split_target(const RequestHead& head, std::string& path, std::string& query) {
  const std::string whole = path_and_query(head);
  const std::size_t mark = whole.find('?');
  auto decoded = percent_decoded(std::string_view(whole).substr(0, mark));
  if (whole.empty() || !decoded.has_value() || whole.find('#') != std::string::npos) {
    return false;
  }
  const auto repeated = [](char left, char right) { return left == '/' && right == '/'; };
  decoded->erase(std::unique(decoded->begin(), decoded->end(), repeated), decoded->end());
  path = std::move(*decoded);
  query = mark == std::string::npos ? "" : whole.substr(mark + 1);
  return true;
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (const std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals)) == name) {
      std::string value(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
      std::replace(value.begin(), value.end(), '+', ' ');
      return percent_decoded(value);
    }
  }
  return std::nullopt;
}

std::optional<std::pair<std::string, std::string>> HttpRequest::basic_credentials() const {
  constexpr std::string_view kScheme = "basic ";
  if (head.fields.count("Authorization") != 1) {
    return std::nullopt;
  }
  const std::string_view value = *head.fields.find("Authorization");
  if (value.size() <= kScheme.size() ||
      !equals_ignoring_case(value.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const auto decoded = from_base64(trim(value.substr(kScheme.size())));
  if (!decoded.has_value()) {
    return std::nullopt;
  }
  const std::string_view pair = as_text(*decoded);
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair{std::string(pair.substr(0, colon)), std::string(pair.substr(colon + 1))};
}

HttpResponse text_response(int status, std::string text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text)};
}

HttpResponse json_response(int status, std::string json) {
  return {status, {{"Content-Type", "application/json"}}, std::move(json)};
}

HttpResponse json_error(int status, std::string_view sentence) {
  const nlohmann::json body = {{"error", std::string(sentence)}};
  return json_response(status, json_text(body) + "\n");
}

}  // namespace scpool
