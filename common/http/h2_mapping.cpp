// Requests and responses between their HTTP/1 heads and their HTTP/2 lists: what field_rules.hpp
// declares with "h2" in its name (RFC 9113 section 8, RFC 8441 section 5).
#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "common/http/body_framing.hpp"
#include "common/http/characters.hpp"
#include "common/http/field_rules.hpp"

namespace scpool {
namespace {

constexpr std::string_view kInternalPrefix = "tunnel-";

Fields target_list(Fields fields,
                   std::string_view method,
                   std::string_view protocol,
                   const AbsoluteTarget& target) {
  const std::string authority = target.authority.text();
  fields.lower_names();
  const Field scheme{":scheme", target.scheme};
  const Field host{":authority", authority};
  const Field path{":path", target.path_and_query};
  if (protocol.empty()) {
    fields.prepend({{":method", method}, scheme, host, path});
  } else {
    fields.prepend({{":method", method}, {":protocol", protocol}, scheme, host, path});
  }
  return fields;
}

bool is_lower_token(std::string_view name) {
  return !name.empty() && http::all_in_class(name, http::CharacterClass::LowerToken);
}

HeadProblem malformed(std::string sentence) {
  return {400, std::move(sentence)};
}

// The pseudo-header fields of a request, each at most once.
struct PseudoFields {
  std::optional<std::string_view> method;
  std::optional<std::string_view> protocol;
  std::optional<std::string_view> scheme;
  std::optional<std::string_view> authority;
  std::optional<std::string_view> path;

  std::optional<std::string_view>* find(std::string_view name) {
    if (name == ":method") {
      return &method;
    }
    if (name == ":protocol") {
      return &protocol;
    }
    if (name == ":scheme") {
      return &scheme;
    }
    if (name == ":authority") {
      return &authority;
    }
    return name == ":path" ? &path : nullptr;
  }
};

std::optional<HeadProblem> take_pseudo_fields(const Fields& list, PseudoFields& pseudo) {
  bool regular_seen = false;
  for (const Field field : list) {
    if (!field.name.starts_with(':')) {
      regular_seen = true;
      continue;
    }
    std::optional<std::string_view>* place = pseudo.find(field.name);
    if (regular_seen || place == nullptr || place->has_value()) {
      return malformed("a pseudo-header field is unknown, repeated or late");
    }
    *place = field.value;
  }
  return std::nullopt;
}

// A regular field of a list as it came over the tunnel (RFC 9113 sections 8.2.1 and 8.2.2).
const char* problem_of(const Field& field) {
  if (!is_lower_token(field.name)) {
    return "a field's name is not a token in lower case";
  }
  if (!is_field_value(field.value)) {
    return "a field's value has characters that are not allowed";
  }
  if (field.name == "te" ? field.value != "trailers" : is_hop_by_hop(field.name)) {
    return "a field belongs to one connection only";
  }
  return nullptr;
}

bool is_internal(const Field& field) {
  return field.name.starts_with('t') && field.name.starts_with(kInternalPrefix);
}

bool is_regular(const Field& field) {
  return !field.name.starts_with(':');
}

std::optional<HeadProblem> judge_regular_fields(const Fields& list) {
  std::size_t lengths = 0;
  for (const Field field : list) {
    const char* problem = is_regular(field) ? problem_of(field) : nullptr;
    if (problem != nullptr) {
      return malformed(problem);
    }
    if (field.name == "content-length" && (!parse_number(field.value) || ++lengths > 1)) {
      return malformed("content-length is not one number");
    }
  }
  return std::nullopt;
}

// RFC 9113 section 8.2.3.
std::string joined_cookies(const Fields& list) {
  std::string cookies;
  for (const Field field : list) {
    if (field.name == "cookie") {
      cookies.append(cookies.empty() ? "" : "; ").append(field.value);
    }
  }
  return cookies;
}

// Regular fields go on but those :authority and this tunnel stand for; cookie crumbs become one
// field, at the place of the first.
void keep_regular_fields(Fields& fields) {
  std::size_t crumbs = 0;
  fields.remove_if([&crumbs](const Field& field) {
    const bool is_cookie = field.name == "cookie";
    const bool left_out = !is_regular(field) || field.name == "host" || is_internal(field) ||
                          (is_cookie && field.value.empty());
    crumbs += is_cookie && !left_out ? 1 : 0;
    return left_out;
  });
  if (crumbs > 1) {
    fields.set("cookie", joined_cookies(fields));
  }
}

std::optional<HeadProblem> take_connect(const PseudoFields& pseudo, TunnelRequest& request) {
  if (pseudo.scheme || pseudo.path || !pseudo.authority) {
    return malformed("CONNECT has :authority and nothing else");
  }
  auto authority = parse_authority(*pseudo.authority, 0);
  if (auto* problem = std::get_if<HeadProblem>(&authority)) {
    return std::move(*problem);
  }
  request.kind = TunnelRequest::Kind::Connect;
  request.authority = std::move(*std::get_if<Authority>(&authority));
  request.head.method = "CONNECT";
  return std::nullopt;
}

std::optional<HeadProblem> take_target(const PseudoFields& pseudo, TunnelRequest& request) {
  if (!pseudo.scheme || !pseudo.path || !pseudo.authority) {
    return malformed("a pseudo-header field is missing");
  }
  const std::uint16_t port = default_port(*pseudo.scheme);
  if (port == 0) {
    return malformed("the scheme is neither http nor https");
  }
  const bool asterisk = *pseudo.path == "*" && *pseudo.method == "OPTIONS";
  if ((!pseudo.path->starts_with('/') && !asterisk) || pseudo.path->size() > limits::kMaxTarget ||
      !http::all_in_class(*pseudo.path, http::CharacterClass::Target)) {
    return malformed("the path is malformed");
  }
  auto authority = parse_authority(*pseudo.authority, port);
  if (auto* problem = std::get_if<HeadProblem>(&authority)) {
    return std::move(*problem);
  }
  request.scheme = *pseudo.scheme;
  request.authority = std::move(*std::get_if<Authority>(&authority));
  request.head.target = *pseudo.path;
  return std::nullopt;
}

std::optional<HeadProblem> take_kind(const PseudoFields& pseudo, TunnelRequest& request) {
  if (!pseudo.method || !is_token(*pseudo.method)) {
    return malformed("the method is missing or not a token");
  }
  const bool connect = *pseudo.method == "CONNECT";
  if (pseudo.protocol && (!connect || *pseudo.protocol != "websocket")) {
    return HeadProblem{501, "a :protocol other than websocket"};  // RFC 9220 section 3
  }
  if (connect && !pseudo.protocol) {
    return take_connect(pseudo, request);
  }
  request.kind = connect ? TunnelRequest::Kind::WebSocket : TunnelRequest::Kind::Exchange;
  request.head.method = connect ? "GET" : *pseudo.method;
  return take_target(pseudo, request);
}

}  // namespace

Fields to_h2_request(RequestHead head, const AbsoluteTarget& target) {
  head.fields.remove("host");
  return target_list(std::move(head.fields), head.method, "", target);
}

Fields to_h2_connect(const Authority& authority) {
  return {{":method", "CONNECT"}, {":authority", authority.text()}};
}

Fields to_h2_websocket(RequestHead head, const AbsoluteTarget& target) {
  head.fields.remove_if([](const Field& field) {
    return is_hop_by_hop(field.name) || equals_ignoring_case(field.name, "host") ||
           equals_ignoring_case(field.name, "sec-websocket-key");
  });
  return target_list(std::move(head.fields), "CONNECT", "websocket", target);
}

Fields to_h2_response(ResponseHead head) {
  head.fields.lower_names();
  head.fields.prepend({{":status", std::to_string(head.status)}});
  return std::move(head.fields);
}

Fields to_h2_trailers(Fields trailers) {
  trailers.remove_if([](const Field& field) { return !may_be_trailer(field.name); });
  trailers.lower_names();
  return trailers;
}

Fields from_h2_trailers(Fields list) {
  list.remove_if([](const Field& field) {
    return problem_of(field) != nullptr || !may_be_trailer(field.name);
  });
  return list;
}

std::variant<TunnelRequest, HeadProblem> from_h2_request(Fields list) {
  PseudoFields pseudo;
  TunnelRequest request;
  auto problem = take_pseudo_fields(list, pseudo);
  if (!problem) {
    problem = take_kind(pseudo, request);
  }
  if (!problem) {
    problem = judge_regular_fields(list);
  }
  if (problem) {
    return std::move(*problem);
  }
  if (request.kind != TunnelRequest::Kind::Connect) {
    request.head.fields = std::move(list);
    keep_regular_fields(request.head.fields);
    request.head.fields.prepend({{"Host", request.authority.host_field(request.scheme)}});
  }
  return request;
}

std::optional<ResponseHead> from_h2_response(Fields list) {
  if (list.empty() || list[0].name != ":status" || list[0].value.size() != 3) {
    return std::nullopt;
  }
  const auto status = parse_number(list[0].value);
  if (!status || *status < 100 || *status > 599) {
    return std::nullopt;
  }
  ResponseHead head;
  head.status = static_cast<int>(*status);
  head.reason = reason_phrase(head.status);
  std::size_t lengths = 0;
  bool has_internal = false;
  for (std::size_t i = 1; i < list.size(); ++i) {
    const Field field = list[i];
    if (problem_of(field) != nullptr || field.name == "te") {
      return std::nullopt;
    }
    if (field.name == "content-length" && (!parse_number(field.value) || ++lengths > 1)) {
      return std::nullopt;
    }
    has_internal = has_internal || is_internal(field);
  }
  head.fields = std::move(list);
  head.fields.remove_first(1);  // a second one that is not regular was refused
  if (has_internal) {
    head.fields.remove_if(is_internal);
  }
  return head;
}

}  // namespace scpool
