#include "server/io/ingress_request.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/random.hpp"
#include "common/base/text.hpp"
#include "common/http/field_rules.hpp"

namespace scpool::server {

namespace {

using Problem = std::optional<IngressRefusal>;

constexpr std::size_t kMaxRequestId = 128;
// Mail submission: no site under test, but a popular aim of abused proxies.
constexpr std::array<std::uint16_t, 3> kDeniedPorts = {25, 465, 587};

IngressRefusal refusal(const HeadProblem& problem) {
  return {problem.status, "http_request_error", problem.sentence};
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

void take_request_id(RequestHead& head, std::string& id) {
  const auto given = head.fields.find("x-request-id");
  if (given && is_request_id(*given)) {
    id = *given;
  } else {
    append_random_id(16, id);
  }
  head.fields.set("X-Request-Id", id);
}

// What is filled only for some, with the memory of the request before.
void clear_request(IngressRequest& request) {
  request.kind = IngressKind::Exchange;
  request.h2 = Fields();
  for (std::string* text : {&request.request_id, &request.accept, &request.websocket_key}) {
    text->clear();
  }
}

// Max-Forwards of OPTIONS and TRACE (RFC 9110 section 7.6.2). True: the request is for us.
bool ends_here(RequestHead& head) {
  if (head.method != "OPTIONS" && head.method != "TRACE") {
    return false;
  }
  const auto given = head.fields.find("max-forwards");
  const std::optional<std::uint64_t> hops = given ? parse_number(*given) : std::nullopt;
  if (!hops) {
    return false;
  }
  if (*hops > 0) {
    head.fields.set("Max-Forwards", std::to_string(*hops - 1));
  }
  return *hops == 0;
}

Problem read_connect(const RequestHead& head, IngressRequest& request) {
  auto authority = parse_authority(head.target, 0);
  if (const auto* problem = std::get_if<HeadProblem>(&authority)) {
    return refusal(*problem);
  }
  const Authority& to = std::get<Authority>(authority);
  if (std::find(kDeniedPorts.begin(), kDeniedPorts.end(), to.port) != kDeniedPorts.end()) {
    return IngressRefusal{403, "http_request_denied", "CONNECT to a mail port is denied"};
  }
  if (request.body.kind == BodyKind::Chunked || request.body.length > 0) {
    return IngressRefusal{400, "http_request_error", "a CONNECT request has no body"};
  }
  request.kind = IngressKind::Connect;
  request.body = {BodyKind::UntilClose, 0};
  request.h2 = to_h2_connect(to);
  // A CONNECT stream carries the identity of the request and nothing else of its head.
  request.h2.add("x-request-id", request.request_id);
  return std::nullopt;
}

Problem read_websocket(RequestHead&& head, const AbsoluteTarget& target, IngressRequest& request) {
  if (request.body.kind != BodyKind::None) {
    return IngressRefusal{400, "http_request_error", "a WebSocket request has no body"};
  }
  request.kind = IngressKind::WebSocket;
  request.body = {BodyKind::UntilClose, 0};
  request.websocket_key = head.fields.find("sec-websocket-key").value_or("");
  if (auto problem = remove_hop_by_hop(head.fields)) {
    return refusal(*problem);
  }
  request.h2 = to_h2_websocket(std::move(head), target);
  return std::nullopt;
}

Problem read_absolute(RequestHead&& head, const std::string& node, IngressRequest& request) {
  if (head.target.starts_with('/')) {
    return IngressRefusal{
        400,
        "http_request_error",
        "this is a proxy: send the absolute form of the target (RFC 9112, 3.2.2)"};
  }
  if ((head.target == "*" && head.method == "OPTIONS") || ends_here(head)) {
    request.kind = IngressKind::LocalOptions;
    return std::nullopt;
  }
  auto parsed = parse_absolute_target(head.method, head.target);
  if (const auto* problem = std::get_if<HeadProblem>(&parsed)) {
    return refusal(*problem);
  }
  const AbsoluteTarget& target = std::get<AbsoluteTarget>(parsed);
  const bool websocket = is_websocket_upgrade(head);
  if (target.scheme != "http") {
    return IngressRefusal{400,
                          "http_request_error",
                          "only http targets are forwarded; use CONNECT for anything else"};
  }
  remove_internal_fields(head.fields);
  add_via(head.fields, head.minor_version == 0 ? "1.0" : "1.1", node);
  if (websocket) {
    return read_websocket(std::move(head), target, request);
  }
  if (auto problem = remove_hop_by_hop(head.fields)) {
    return refusal(*problem);
  }
  request.h2 = to_h2_request(std::move(head), target);
  return std::nullopt;
}

}  // namespace

std::optional<IngressRefusal> read_ingress_request(RequestHead&& head,
                                                   const std::string& node,
                                                   IngressRequest& request) {
  clear_request(request);
  request.method = head.method;
  auto plan = request_body_plan(head);
  if (const auto* problem = std::get_if<HeadProblem>(&plan)) {
    return refusal(*problem);
  }
  if (via_names(head.fields, node)) {
    return IngressRefusal{508, "proxy_loop_detected", "the request came round to this proxy again"};
  }
  request.minor_version = head.minor_version;
  request.body = std::get<BodyPlan>(plan);
  request.accept = head.fields.find("accept").value_or("");
  request.keep_alive = head.minor_version == 1 && !head.fields.lists("connection", "close") &&
                       !head.fields.lists("proxy-connection", "close");
  request.expects_continue = head.minor_version == 1 && request.body.kind != BodyKind::None &&
                             head.fields.lists("expect", "100-continue");
  take_request_id(head, request.request_id);
  if (head.method == "CONNECT") {
    return read_connect(head, request);
  }
  return read_absolute(std::move(head), node, request);
}

}  // namespace scpool::server
