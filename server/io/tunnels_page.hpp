// The Tunnels page: an account's pools and their members as one plain HTML table, without outside
// assets. Reads, changes nothing.
#pragma once

#include <string>

#include "server/io/server_parts.hpp"

namespace scpool::server {

std::string tunnels_page(const ServerParts& parts, const std::string& account);

}  // namespace scpool::server
