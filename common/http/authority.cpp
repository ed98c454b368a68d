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

}  // namespace

std::uint16_t default_port(std::string_view scheme) {
  if (scheme == "http") {
    return 80;
  }
  return scheme == "https" ? 443 : 0;
}

std::string Authority::text() const {
  std::array<char, 5> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), port).ptr;
  std::string text;
  text.reserve(host.size() + digits.size() + 3);
  if (is_ipv6_literal) {
    text.append("[").append(host).append("]");
  } else {
    text.append(host);
  }
  return text.append(":").append(digits.data(), end);
}

std::string Authority::host_field(std::string_view scheme) const {
  if (port != default_port(scheme)) {
    return text();
  }
  return is_ipv6_literal ? "[" + host + "]" : host;
}

std::variant<Authority, HeadProblem> parse_authority(std::string_view text,
                                                     std::uint16_t default_port) {
  if (text.find('@') != std::string_view::npos) {
    return bad("user information in a host is not accepted");
  }
  const auto parts = split_authority(text);
  if (!parts) {
    return bad("the brackets of an IPv6 address are not closed rightly");
  }
  Authority authority;
  if (parts->port) {
    const auto port = parse_port(*parts->port);
    if (!port) {
      return bad("the port is not a number from 1 to 65535");
    }
    authority.port = *port;
  } else if (default_port == 0) {
    return bad("the port is missing");
  } else {
    authority.port = default_port;
  }
  std::string_view host = parts->host;
  if (host.starts_with('[')) {
    host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    if (!address || address->family != IpAddress::Family::V6) {
      return bad("the brackets hold no IPv6 address");
    }
    authority.is_ipv6_literal = true;
  } else if (host.empty() || host.size() > kMaxHost + 1 ||
             !http::all_in_class(host, http::CharacterClass::Host) || host.starts_with('.') ||
             host.find("..") != std::string_view::npos) {
    return bad("the host is not a name or address");
  }
  authority.host = to_lower(host);
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
  const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
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
