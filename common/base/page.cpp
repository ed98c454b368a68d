#include "common/base/page.hpp"

namespace scpool {

std::string escaped_html(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::string filled_template(
    std::string_view text,
    const std::initializer_list<std::pair<std::string_view, std::string_view>>& values) {
  std::string result;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    const std::size_t close = text.find("}}", open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) {
      break;
    }
    result += text.substr(0, open);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    std::string_view value = text.substr(open, close + 2 - open);
    for (const auto& [known, replacement] : values) {
      value = known == name ? replacement : value;
    }
    result += value;
    text.remove_prefix(close + 2);
  }
  return result.append(text);
}

std::string whole_page(std::string_view title, std::string_view content, std::string_view nonce) {
  return filled_template(page_template(),
                         {{"nonce", nonce},
                          {"title", title},
                          {"style", page_style()},
                          {"content", content},
                          {"script", live_page_script()}});
}

std::string page_policy(std::string_view nonce) {
  const std::string only = "'nonce-" + std::string(nonce) + "'; ";
  return "default-src 'none'; style-src " + only + "script-src " + only +
         "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'";
}

}  // namespace scpool
