// The REST API (reference section d): create, list, inspect, delete tunnels; jobs; what clients ask
// before they start. Basic authentication; every answer JSON. Answers at once, keeps nothing.
#pragma once

#include <string>
#include <vector>

#include "common/io/http_server.hpp"
#include "server/io/server_parts.hpp"

namespace scpool::server {

class RestApi {
 public:
  explicit RestApi(ServerParts& parts) : parts_(parts) {}

  // A request whose path begins with "/rest/v1/".
  HttpResponse answer(const HttpRequest& request);
  // Whether these Basic credentials are right; else the answer to give. Also for the page.
  std::optional<HttpResponse> refusal(const HttpRequest& request, std::string& account);

 private:
  using Segments = std::vector<std::string>;

  HttpResponse route(const HttpRequest& request, const std::string& user, const Segments& rest);
  HttpResponse route_tunnels(const HttpRequest& request,
                             const std::string& user,
                             const Segments& rest);
  HttpResponse route_tunnel(const HttpRequest& request,
                            const std::string& user,
                            const TunnelId& id,
                            const std::string& what);
  HttpResponse create_tunnel(const HttpRequest& request, const std::string& user);
  HttpResponse delete_tunnel(const HttpRequest& request, const Tunnel& tunnel);
  HttpResponse updates(const HttpRequest& request);
  HttpResponse crash_report(const HttpRequest& request, const std::string& user);
  std::string public_host(const HttpRequest& request) const;

  ServerParts& parts_;
};

}  // namespace scpool::server
