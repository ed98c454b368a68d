// What the programs' web pages share: escaping, one document around their content, one style sheet,
// and one script that keeps them up to date (common/page, built in).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace scpool {

// For text and for attribute values in double quotes.
std::string escaped_html(std::string_view text);
// The template with each {{name}} replaced by its value, which is put in as it is. A name that has
// no value stays.
std::string filled_template(
    std::string_view text,
    const std::initializer_list<std::pair<std::string_view, std::string_view>>& values);
// A self-contained document around `content`, a <main> whose data-title is the title. What stands
// inline bears `nonce`, which is new with every answer and named in page_policy().
std::string whole_page(std::string_view title, std::string_view content, std::string_view nonce);
// The page's Content-Security-Policy: its own style and script, and questions to its own origin.
std::string page_policy(std::string_view nonce);

std::string_view page_template();
std::string_view page_style();
std::string_view live_page_script();

}  // namespace scpool
