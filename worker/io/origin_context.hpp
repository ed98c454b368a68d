// What all requests of a gateway share, and whom they tell. A file of its own because the gateway
// makes it and origin_request uses it.
#pragma once

#include "worker/core/origin_policy.hpp"
#include "worker/io/kept_connections.hpp"
#include "worker/io/origin_gateway.hpp"

namespace scpool::worker {

class OriginRequest;

class OriginRequestOwner {
 public:
  OriginRequestOwner() = default;
  OriginRequestOwner(const OriginRequestOwner&) = delete;
  OriginRequestOwner& operator=(const OriginRequestOwner&) = delete;
  virtual void on_request_finished(OriginRequest& request) = 0;
  // A request wants to be woken then; `wake` of every one follows.
  virtual void on_deadline_set(Instant deadline) = 0;

 protected:
  ~OriginRequestOwner() = default;
};

struct OriginContext {
  EventLoop& loop;
  OriginGatewaySettings settings;
  OriginFigures& figures;
  OriginPolicy policy;
  KeptConnections kept;
  OriginRequestOwner& owner;
  std::string head_text = {};  // of the request that goes out now; its memory serves the next
};

}  // namespace scpool::worker
