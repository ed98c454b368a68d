// What goes wrong on the way of a request, and how that is said to a client: status, Proxy-Status
// (RFC 9209 section 2.3) and a short page. Every generated error says who failed.
#pragma once

#include <string>
#include <string_view>

#include "common/http/message_head.hpp"

namespace scpool {

// Who could not do its part.
enum class ProxyErrorOrigin { Server, Worker, Site };

enum class ProxyErrorReason {
  DnsError,
  DnsTimeout,
  DestinationIpProhibited,
  DestinationIpUnroutable,
  ConnectionRefused,
  ConnectionTerminated,
  ConnectionTimeout,
  ConnectionReadTimeout,
  TlsProtocolError,
  TlsCertificateError,
  HttpRequestDenied,
  HttpRequestError,
  HttpResponseIncomplete,
  HttpResponseTimeout,
  HttpProtocolError,
  ProxyLoopDetected,
  ProxyInternalError,
  NoTunnel,    // destination_unavailable: no member can take the job
  Overloaded,  // proxy_internal_response with 503
};

struct ProxyError {
  ProxyErrorReason reason = ProxyErrorReason::ProxyInternalError;
  ProxyErrorOrigin origin = ProxyErrorOrigin::Server;
  std::string details;  // one sentence; no address that the client did not name itself
};

std::string_view to_text(ProxyErrorOrigin origin);
// The registered name of RFC 9209: "dns_error", "connection_refused", ...
std::string_view to_text(ProxyErrorReason reason);
// 502, 503, 504, 403, 508, 400 as the engineering notes map them.
int http_status(ProxyErrorReason reason);
// `NODE; error=TYPE; details="..."` (quoted as RFC 8941 strings are).
std::string proxy_status(std::string_view node, const ProxyError& error);

struct ErrorAnswer {
  ResponseHead head;  // Content-Length set, Proxy-Status set, Retry-After with 503
  std::string body;   // HTML when `accept` prefers it, else plain text
};
ErrorAnswer error_answer(std::string_view node, const ProxyError& error, std::string_view accept);

}  // namespace scpool
