// How a log line looks in each format. Extra to the layout because it is pure text, tested without
// a file. Knows nothing of where lines go.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "common/base/time.hpp"
#include "common/io/log.hpp"

namespace scpool {

// Ends in one newline; control characters of message and values are escaped, so that a line stays
// a line whatever a peer made us say.
std::string log_line(LogFormat format,
                     WallTime time,
                     LogLevel level,
                     std::string_view module,
                     std::string_view message,
                     std::initializer_list<LogField> fields);

}  // namespace scpool
