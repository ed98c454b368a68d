#include "worker/core/request_rules.hpp"

#include <algorithm>
#include <array>

#include "common/base/text.hpp"

namespace scpool::worker {
namespace {

// Rules are an operator's text: they may say anything but where the body ends and who is asked.
void apply_rules_keeping_framing(const WorkerConfig& config, Fields& fields) {
  if (config.header_rules.empty()) {
    return;
  }
  const std::string host(fields.find("Host").value_or(""));
  const std::optional<std::string> length(fields.find("Content-Length"));
  apply_header_rules(config.header_rules, fields);
  fields.remove_if([](const Field& field) {
    return is_hop_by_hop(field.name) && !equals_ignoring_case(field.name, "te");
  });
  fields.set("Host", host);
  if (length) {
    fields.set("Content-Length", *length);
  } else {
    fields.remove("Content-Length");
  }
}

}  // namespace

std::optional<ProxyError> prepare_for_site(TunnelRequest& request,
                                           const WorkerConfig& config,
                                           std::string_view pseudonym) {
  if (request.kind == TunnelRequest::Kind::Connect) {
    return std::nullopt;
  }
  Fields& fields = request.head.fields;
  if (via_names(fields, pseudonym)) {
    return ProxyError{ProxyErrorReason::ProxyLoopDetected,
                      ProxyErrorOrigin::Worker,
                      "the request came through this worker before"};
  }
  add_via(fields, "2", pseudonym);
  apply_rules_keeping_framing(config, fields);
  if (!config.credentials.empty() && !fields.contains("Authorization")) {
    const SiteCredential* credential =
        find_credential(config.credentials, request.authority.host, request.authority.port);
    if (credential != nullptr) {
      const std::string pair = credential->user + ":" + credential->password.reveal();
      fields.add("Authorization", "Basic " + to_base64(as_bytes(pair)));
    }
  }
  return std::nullopt;
}

bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kIdempotent = {
      "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::find(kIdempotent.begin(), kIdempotent.end(), method) != kIdempotent.end();
}

bool head_waits_for_body(const BodyPlan& plan) {
  constexpr std::uint64_t kShortBody = 16 * 1024;
  return plan.kind == BodyKind::Length && plan.length > 0 && plan.length <= kShortBody;
}

std::string request_url(const TunnelRequest& request) {
  if (request.kind == TunnelRequest::Kind::Connect) {
    return request.authority.text();
  }
  std::string url = request.scheme + "://" + request.authority.host_field(request.scheme);
  return request.head.target == "*" ? url : url.append(request.head.target);
}

}  // namespace scpool::worker
