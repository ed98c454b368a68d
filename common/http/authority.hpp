// Host and port as they stand in a request target, Host or :authority (RFC 9112 section 3.2), and
// the absolute form. A file of its own because settings and policies need it without heads. Judges
// the form alone; which hosts may be reached is a policy's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace scpool {

// Why a head was refused; `status` is what to answer a client (a gateway answers 502 for a site).
struct HeadProblem {
  int status = 400;
  std::string sentence;
};

struct Authority {
  std::string host;  // lower case, without brackets for IPv6
  std::uint16_t port = 0;
  bool is_ipv6_literal = false;

  std::string text() const;  // "host:port", brackets where they belong
  // As a Host field says it: the port is left out when it is the scheme's own.
  std::string host_field(std::string_view scheme) const;
  friend bool operator==(const Authority&, const Authority&) = default;
};

// `default_port` 0: the port is mandatory (CONNECT). Userinfo is refused (RFC 9110 section 4.2.4),
// and so are percent signs, zones and every name that is not letters, digits, "-", "." and "_".
std::variant<Authority, HeadProblem> parse_authority(std::string_view text,
                                                     std::uint16_t default_port);
// The same without a result: nothing when it is right.
std::optional<HeadProblem> problem_of_authority(std::string_view text, std::uint16_t default_port);

struct AbsoluteTarget {
  std::string scheme;  // lower case: "http" or "https"
  Authority authority;
  std::string path_and_query;  // begins with "/"; "*" for OPTIONS on an empty path
};

std::variant<AbsoluteTarget, HeadProblem> parse_absolute_target(std::string_view method,
                                                                std::string_view target);

// 80, 443; 0 for a scheme that is neither.
std::uint16_t default_port(std::string_view scheme);

}  // namespace scpool
