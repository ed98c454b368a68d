// IP addresses as values: parsed and printed without the system, so that hosts in heads and address
// policies are pure code. A file of its own because both authority and the origin policy need it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace scpool {

struct IpAddress {
  enum class Family : std::uint8_t { V4, V6 };
  Family family = Family::V4;
  std::array<std::uint8_t, 16> bytes{};  // the first four with V4

  // Four decimal numbers without leading zeros, or RFC 4291 section 2.2; no zone, no brackets.
  static std::optional<IpAddress> parse(std::string_view text);
  std::string text() const;  // RFC 5952
  // The IPv4 address inside an IPv4-mapped, -translated, -compatible, 6to4 or NAT64 (RFC 6052,
  // RFC 8215) one.
  std::optional<IpAddress> embedded_v4() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

}  // namespace scpool
