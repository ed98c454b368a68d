// Text as a part of a URL. A file of its own because the REST clients of worker and supervisor and
// the reader of old command lines must write the same.
#pragma once

#include <string>
#include <string_view>

namespace scpool {

// Everything but unreserved characters escaped (RFC 3986 section 2.3): right in a path segment, in
// a query and in the user part.
std::string percent_encoded(std::string_view text);

}  // namespace scpool
