// What the worker changes in a request before it goes to the site, in the order Sauce Connect
// documents (reference section e.3): loop check, Via, header rules, credentials. And whether a
// request may be sent again, and what is sent on of an answer at once. Pure; the fields came
// through from_h2_request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/http/body_framing.hpp"
#include "common/http/field_rules.hpp"
#include "common/http/proxy_error.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {

// Nothing when the request may go on; its head is ready for the site then.
std::optional<ProxyError> prepare_for_site(TunnelRequest& request,
                                           const WorkerConfig& config,
                                           std::string_view pseudonym);

// Safe or idempotent by RFC 9110 section 9.2.2: may be sent again when nothing came back.
bool is_idempotent(std::string_view method);

// The answer's head goes on with the first of its body: sites send both one right behind the other,
// and the server keeps a short answer back until it is whole anyway. For moments only.
bool head_waits_for_body(const BodyPlan& plan);

// "http://host/path?query", or "host:port" for CONNECT; for the log.
std::string request_url(const TunnelRequest& request);

}  // namespace scpool::worker
