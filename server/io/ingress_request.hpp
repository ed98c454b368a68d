// One browser request as the ingress understands it: what it asks for, how its body ends, and the
// HTTP/2 list that goes into the tunnel. Strict; anything not right is a status and a sentence.
// (Not in the first layout: it keeps the connection and the exchange readable.)
#pragma once

#include <optional>
#include <string>

#include "common/http/body_framing.hpp"
#include "common/http/message_head.hpp"

namespace scpool::server {

enum class IngressKind {
  Exchange,
  Connect,
  WebSocket,     // absolute-form with Upgrade
  LocalOptions,  // OPTIONS *, or OPTIONS and TRACE with Max-Forwards: 0
};

struct IngressRequest {
  IngressKind kind = IngressKind::Exchange;
  std::string method;
  int minor_version = 1;
  BodyPlan body;
  Fields h2;  // for the tunnel
  std::string request_id;
  std::string accept;
  std::string websocket_key;
  bool expects_continue = false;
  bool keep_alive = true;  // as far as the browser is concerned
};

struct IngressRefusal {
  int status = 400;
  std::string error_type;  // a name of RFC 9209
  std::string sentence;
};

// Fills `request`, whatever it was before; its method is right even when there is something to
// refuse. `node`: our name in Via; seen in the request already, it is a loop (508).
std::optional<IngressRefusal> read_ingress_request(RequestHead&& head,
                                                   const std::string& node,
                                                   IngressRequest& request);

}  // namespace scpool::server
