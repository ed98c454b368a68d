// The live page of a pool: one self-contained document, and the part of it that changes. Escaped
// here; scripts only replace what differs. Not in the layout's list: split from status_report.
#pragma once

#include <string>
#include <string_view>

#include "supervisor/core/status_report.hpp"

namespace scpool::supervisor {

// `nonce` is named in the page's Content-Security-Policy and is new with every answer.
std::string status_page(const StatusReport& report, std::string_view nonce);
// The page's <main>, without line ends.
std::string status_page_content(const StatusReport& report);

}  // namespace scpool::supervisor
