// Bodies of the REST API that are read from the registries, and what is common to its routes: the
// list in all its forms, job counts, query switches. Changes nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/io/http_server.hpp"
#include "server/io/ledger.hpp"

namespace scpool::server {

// "1" or "true"; "0", "false" and nothing are off; anything else is not a switch.
std::optional<bool> read_switch(const std::optional<std::string>& text);

// GET /{user}/tunnels: `full`, `all`, `filter`, `protocol`.
HttpResponse list_tunnels(const Ledger& ledger,
                          const HttpRequest& request,
                          const std::string& user);
// GET /{user}/all_tunnels: `limit`, newest first.
HttpResponse all_tunnels(const Ledger& ledger, const HttpRequest& request, const std::string& user);
HttpResponse client_versions(const HttpRequest& request);
HttpResponse download_refused();
HttpResponse jobs_answer(const TunnelId& id, std::size_t jobs_running);

HttpResponse not_found(std::string_view what);  // "unknown WHAT"
HttpResponse method_not_allowed(std::string_view allowed);

}  // namespace scpool::server
