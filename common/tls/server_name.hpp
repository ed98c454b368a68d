// The name of a server as it is verified: without what only URLs and DNS write around it.
#pragma once

#include <string>

namespace scpool {

// An IPv4 or IPv6 literal, without brackets.
bool is_address(const std::string& name);

// "[::1]" and "host.example." as a certificate would name them.
std::string bare_name(std::string name);

}  // namespace scpool
