// What a proxy does to fields when it forwards: hop-by-hop fields go, Via comes, HTTP/1 heads
// become HTTP/2 lists and back (RFC 9110 section 7.6, RFC 9113 section 8, RFC 8441). One inner form
// only: raw HTTP/1 never crosses the tunnel.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "common/http/message_head.hpp"

namespace scpool {

// Removes Connection and the fields it lists, Keep-Alive, Proxy-Connection, Proxy-Authorization,
// Proxy-Authenticate, TE (but "trailers" is kept), Trailer, Transfer-Encoding, Upgrade and
// HTTP2-Settings. Connection that names Host or Content-Length is a problem (400).
std::optional<HeadProblem> remove_hop_by_hop(Fields& fields);
bool is_hop_by_hop(std::string_view name);

// Internal fields ("tunnel-...") never enter from outside nor leave.
void remove_internal_fields(Fields& fields);

// Appends "1.1 PSEUDONYM" (or "1.0", "2") to the end of Via (RFC 9110 section 7.6.3).
void add_via(Fields& fields, std::string_view version, std::string_view pseudonym);
bool via_names(const Fields& fields, std::string_view pseudonym);

// True when the request asks for exactly "Upgrade: websocket" with "Connection: upgrade", GET,
// HTTP/1.1 and a valid Sec-WebSocket-Key and version 13 (RFC 6455 section 4.1).
bool is_websocket_upgrade(const RequestHead& head);
// base64(SHA-1(key + GUID)) (RFC 6455 section 4.2.2); a fresh key for our own client side.
std::string websocket_accept(std::string_view key);
std::string new_websocket_key();

// The request as an HTTP/2 list: pseudo-header fields first, names in lower case, Host dropped in
// favour of :authority. `head` has been through remove_hop_by_hop.
Fields to_h2_request(RequestHead head, const AbsoluteTarget& target);
Fields to_h2_connect(const Authority& authority);
// Extended CONNECT with :protocol=websocket; Sec-WebSocket-Key is left out (RFC 8441 section 5).
Fields to_h2_websocket(RequestHead head, const AbsoluteTarget& target);
Fields to_h2_response(ResponseHead head);
// Names in lower case; only what may be a trailer.
Fields to_h2_trailers(Fields trailers);

// What arrived over the tunnel, validated again before an HTTP/1 head is built of it: method token,
// path, authority "host:port", no control characters, Content-Length of digits only
// (RFC 9113 section 8.2.1 and 8.3.1). Cookie crumbs are joined with "; " (section 8.2.3).
struct TunnelRequest {
  enum class Kind { Exchange, Connect, WebSocket };
  Kind kind = Kind::Exchange;
  std::string scheme;  // "http" or "https"; empty with Connect
  Authority authority;
  // For the site: origin-form target, Host first, method GET with WebSocket (the caller adds
  // add_websocket_fields); method CONNECT and nothing else with Connect.
  RequestHead head;
};
std::variant<TunnelRequest, HeadProblem> from_h2_request(Fields list);

// Connection, Upgrade, Sec-WebSocket-Key: what an HTTP/1 handshake has and extended CONNECT has
// not.
void add_websocket_fields(RequestHead& head, std::string_view key);

// Trailers from the tunnel that may go on; malformed and forbidden ones are left out.
Fields from_h2_trailers(Fields list);

// A response list (":status" first) as a head for the browser; nothing when it is malformed.
std::optional<ResponseHead> from_h2_response(Fields list);

}  // namespace scpool
