#include "common/http/authority.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "common/base/text.hpp"
#include "common/http/characters.hpp"
#include "common/http/ip_address.hpp"

namespace scpool {
namespace {

constexpr std::size_t kMaxHost = 253;  // RFC 1035 section 2.3.4, without the root's length octet

HeadProblem bad(std::string sentence) {
  return {400, std::move(sentence)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = text.size() <= 5 ? parse_number(text) : std::nullopt;
  if (!number || *number == 0 || *number > 65535) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*number);
}

// Splits "host:port" without judging the parts; the port is nothing when there is no colon.
struct Split {
  std::string_view host;
  std::optional<std::string_view> port;
};

std::optional<Split> split_authority(std::string_view text) {
  std::size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) {
      return std::nullopt;
    }
    host_end = bracket + 1;
    if (host_end < text.size() && text[host_end] != ':') {
      return std::nullopt;
    }
  }
  if (host_end >= text.size()) {
    return Split{text, std::nullopt};
  }
  return Split{text.substr(0, host_end), text.substr(host_end + 1)};
}

// An authority's parts as they stand in its text, the host without brackets.
struct Parts {
  std::string_view host;
  std::uint16_t port = 0;
  bool is_ipv6_literal = false;
};

// What nearly all are: a name or an IPv4 address, and maybe a port. Nothing for
// everything else, be it right or wrong.
std::optional<Parts> plain_parts(std::string_view text, std::uint16_t default_port) {
  std::size_t end = 0;
  char before = '.';
  bool empty_label = false;
  for (; end < text.size() && http::is_in_class(text[end], http::CharacterClass::Host); ++end) {
    empty_label |= text[end] == '.' && before == '.';
    before = text[end];
  }
  if (end == 0 || end > kMaxHost + 1 || empty_label) {
    return std::nullopt;
  }
  if (end == text.size()) {
    return default_port == 0 ? std::nullopt : std::optional(Parts{text, default_port, false});
  }
  const auto port = text[end] == ':' ? parse_port(text.substr(end + 1)) : std::nullopt;
  return port ? std::optional(Parts{text.substr(0, end), *port, false}) : std::nullopt;
}

std::variant<Parts, HeadProblem> judge(std::string_view text, std::uint16_t default_port) {
  if (const auto plain = plain_parts(text, default_port)) {
    return *plain;
  }
  if (text.find('@') != std::string_view::npos) {
    return bad("user information in a host is not accepted");
  }
  const auto split = split_authority(text);
  if (!split) {
    return bad("the brackets of an IPv6 address are not closed rightly");
  }
  Parts parts{split->host, default_port, false};
  if (split->port) {
    const auto port = parse_port(*split->port);
    if (!port) {
      return bad("the port is not a number from 1 to 65535");
    }
    parts.port = *port;
  } else if (default_port == 0) {
    return bad("the port is missing");
  }
  if (!parts.host.starts_with('[')) {
    return bad("the host is not a name or address");  // else it would have been a plain one
  }
  parts.host = parts.host.substr(1, parts.host.size() - 2);
  const auto address = IpAddress::parse(parts.host);
  if (!address || address->family != IpAddress::Family::V6) {
    return bad("the brackets hold no IPv6 address");
  }
  parts.is_ipv6_literal = true;
  return parts;
}

}  // namespace

std::uint16_t default_port(std::string_view scheme) {
  if (scheme == "http") {
    return 80;
  }
  return scheme == "https" ? 443 : 0;
}

std::string Authority::text() const {
  std::array<char, 6> behind{':'};
  const char* const end = std::to_chars(behind.data() + 1, behind.data() + behind.size(), port).ptr;
  const std::string_view tail(behind.data(), static_cast<std::size_t>(end - behind.data()));
  if (is_ipv6_literal) {
    return std::string("[").append(host).append("]").append(tail);
  }
  std::string text;
  text.reserve(host.size() + tail.size());  // not more: a short one needs no memory then
  return text.append(host).append(tail);
}

std::string Authority::host_field(std::string_view scheme) const {
  if (port != default_port(scheme)) {
    return text();
  }
  return is_ipv6_literal ? "[" + host + "]" : host;
}

std::optional<HeadProblem> problem_of_authority(std::string_view text, std::uint16_t default_port) {
  auto parts = judge(text, default_port);
  auto* problem = std::get_if<HeadProblem>(&parts);
  return problem != nullptr ? std::optional(std::move(*problem)) : std::nullopt;
}

std::variant<Authority, HeadProblem> parse_authority(std::string_view text,
                                                     std::uint16_t default_port) {
  auto judged = judge(text, default_port);
  if (auto* problem = std::get_if<HeadProblem>(&judged)) {
    return std::move(*problem);
  }
  const Parts& parts = *std::get_if<Parts>(&judged);
  Authority authority{std::string(parts.host), parts.port, parts.is_ipv6_literal};
  make_lower(authority.host);
  return authority;
}

std::variant<AbsoluteTarget, HeadProblem> parse_absolute_target(std::string_view method,
                                                                std::string_view target) {
  const std::size_t separator = target.find("://");
  if (separator == std::string_view::npos) {
    return bad("the request target is not in absolute form");
  }
  AbsoluteTarget absolute;
  absolute.scheme = to_lower(target.substr(0, separator));
  const std::uint16_t port = default_port(absolute.scheme);
  if (port == 0) {
    return bad("the request target's scheme is neither http nor https");
  }
  if (!http::all_in_class(target, http::CharacterClass::Target)) {
    return bad("the request target has a character that is not allowed");
  }
  const std::string_view rest = target.substr(separator + 3);
  // Not find_first_of, which looks each character up by a call.
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::size_t authority_end = std::min(rest.substr(0, slash).find('?'), slash);
  auto authority = parse_authority(rest.substr(0, authority_end), port);
  if (auto* problem = std::get_if<HeadProblem>(&authority)) {
    return std::move(*problem);
  }
  absolute.authority = std::move(*std::get_if<Authority>(&authority));
  const std::string_view path = rest.substr(authority_end);
  if (path.empty()) {
    absolute.path_and_query = method == "OPTIONS" ? "*" : "/";  // RFC 9112 section 3.2.4
  } else if (path.starts_with('?')) {
    absolute.path_and_query.append("/").append(path);
  } else {
    absolute.path_and_query = path;
  }
  return absolute;
}

}  // namespace scpool
