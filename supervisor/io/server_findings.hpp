// What `doctor` learns from the network: the server's name, one call of its REST API, and requests
// through single workers to a page served here. Each call waits for its end; judging is checkup's.
// Not in the layout's list.
#pragma once

#include <memory>
#include <string>

#include "common/io/http_server.hpp"
#include "supervisor/core/checkup.hpp"
#include "supervisor/io/tunnel_directory.hpp"

namespace scpool::supervisor {

struct ServerAnswer {
  ServerFinding finding;
  std::string body;  // the list of tunnels; empty when there is none
};

// Of the URL's host.
NameFinding look_up_server(const std::string& url, Duration timeout);
// One list of the account's tunnels.
ServerAnswer ask_server(const RestAccount& account, Duration timeout);

// Requests through the ingress of `up --local`, each bound to one worker by its tunnel's id. The
// jobs they begin on the server are ended by finish().
class TunnelTrial {
 public:
  TunnelTrial(RestAccount account, std::string ingress_url, Duration timeout);
  TunnelTrial(const TunnelTrial&) = delete;
  TunnelTrial& operator=(const TunnelTrial&) = delete;

  // A page on a free port of the loopback address.
  Result<void> open_page();
  RequestFinding send_through(WorkerId worker, const TunnelId& tunnel);
  void finish();

 private:
  Result<HttpAnswer> fetch(HttpCall call);
  HttpCall rest_call(std::string method, const std::string& path) const;

  RestAccount account_;
  std::string ingress_url_;
  Duration timeout_;
  std::string page_;   // what is served, and must come back
  std::string label_;  // of the jobs
  std::string page_url_;
  EventLoop loop_;
  HttpClient client_;
  HttpServer server_;
};

}  // namespace scpool::supervisor
