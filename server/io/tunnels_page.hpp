// The Tunnels page: an account's pools and their members, and what ended lately, in one document
// without outside assets. Reads, changes nothing.
#pragma once

#include <string>
#include <string_view>

#include "server/io/server_parts.hpp"

namespace scpool::server {

// `nonce`: see whole_page().
std::string tunnels_page(const ServerParts& parts,
                         const std::string& account,
                         std::string_view nonce);

}  // namespace scpool::server
