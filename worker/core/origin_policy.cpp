#include "worker/core/origin_policy.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/text.hpp"

namespace scpool::worker {
namespace {

constexpr std::array<std::uint16_t, 3> kMailPorts = {25, 465, 587};
constexpr unsigned kBitsPerByte = 8;

struct Prefix {
  Prefix(std::string_view text, unsigned size) : network(*IpAddress::parse(text)), bits(size) {}
  IpAddress network;
  unsigned bits;
};
using Prefixes = std::vector<Prefix>;

const Prefixes& local_prefixes() {
  static const Prefixes kLocal = {{"127.0.0.0", 8}, {"0.0.0.0", 8}, {"::1", 128}, {"::", 128}};
  return kLocal;
}

const Prefixes& never_reachable_prefixes() {
  static const Prefixes kNeverReachable = {
      {"169.254.0.0", 16},      // link-local, RFC 3927; 169.254.169.254 is the metadata service
      {"224.0.0.0", 4},         // multicast
      {"240.0.0.0", 4},         // reserved and broadcast
      {"100.100.100.200", 32},  // metadata of one cloud inside shared address space
      {"192.0.0.192", 32},      // the same of another
      {"168.63.129.16", 32},    // the host's agent of a third
      {"fe80::", 10},           // link-local
      {"ff00::", 8},            // multicast
      {"fd00:ec2::254", 128},   // metadata over IPv6
      {"fd20:ce::254", 128},
  };
  return kNeverReachable;
}

bool is_in(const IpAddress& address, const Prefix& prefix) {
  if (prefix.network.family != address.family) {
    return false;
  }
  const std::size_t whole = prefix.bits / kBitsPerByte;
  for (std::size_t i = 0; i < whole; ++i) {
    if (address.bytes[i] != prefix.network.bytes[i]) {
      return false;
    }
  }
  const unsigned rest = prefix.bits % kBitsPerByte;
  const unsigned mask = 0xffU << (kBitsPerByte - rest);
  return rest == 0 || ((address.bytes[whole] ^ prefix.network.bytes[whole]) & mask & 0xffU) == 0;
}

bool is_in_any(const IpAddress& address, const Prefixes& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&address](const Prefix& prefix) {
    return is_in(address, prefix);
  });
}

bool is_unspecified(const IpAddress& address) {
  return std::all_of(
      address.bytes.begin(), address.bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

ProxyError denied(std::string details) {
  return {ProxyErrorReason::HttpRequestDenied, ProxyErrorOrigin::Worker, std::move(details)};
}

ProxyError prohibited(std::string details) {
  return {ProxyErrorReason::DestinationIpProhibited, ProxyErrorOrigin::Worker, std::move(details)};
}

std::string_view without_root(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) {
    host.remove_suffix(1);
  }
  return host;
}

// The address a packet would finally go to, for comparing.
IpAddress plain(const IpAddress& address) {
  return address.embedded_v4().value_or(address);
}

// A name whose last label is a number is an IPv4 address in a form that others may read differently
// ("127.1", "2130706433", "0x7f000001", "0177.0.0.1"); only four plain decimals are one for us.
bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
  const auto all_in = [](std::string_view text, std::string_view set) {
    return text.find_first_not_of(set) == std::string_view::npos;
  };
  const std::string lowered = to_lower(last);
  return all_in(last, "0123456789") ||
         (lowered.starts_with("0x") &&
          all_in(std::string_view(lowered).substr(2), "0123456789abcdef"));
}

}  // namespace

bool is_localhost_name(std::string_view host) {
  host = without_root(host);
  return host == "localhost" || host.ends_with(".localhost");  // RFC 6761 section 6.3
}

bool is_local_address(const IpAddress& address) {
  if (is_in_any(address, local_prefixes())) {
    return true;
  }
  const auto embedded = address.embedded_v4();
  return embedded && is_in_any(*embedded, local_prefixes());
}

bool is_never_reachable(const IpAddress& address) {
  if (is_in_any(address, never_reachable_prefixes())) {
    return true;
  }
  const auto embedded = address.embedded_v4();
  return embedded && is_in_any(*embedded, never_reachable_prefixes());
}

OriginName origin_name(const Authority& authority) {
  OriginName name{std::string(without_root(authority.host)), {}};
  if (const auto literal = IpAddress::parse(name.host)) {
    name.addresses.push_back(*literal);
  } else if (is_localhost_name(name.host)) {
    name.addresses = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1")};
  }
  return name;
}

OriginPolicy::OriginPolicy(LocalhostPolicy localhost, const DomainRules* denied)
    : localhost_(localhost), denied_(denied) {}

void OriginPolicy::forbid(const ForbiddenEndpoint& endpoint) {
  if (std::find(forbidden_.begin(), forbidden_.end(), endpoint) == forbidden_.end()) {
    forbidden_.push_back(endpoint);
  }
}

std::optional<ProxyError> OriginPolicy::judge_name(const Authority& authority,
                                                   Purpose purpose) const {
  const std::string_view host = without_root(authority.host);
  const auto literal = IpAddress::parse(host);
  if (!literal && !authority.is_ipv6_literal && ends_in_number(host)) {
    return denied("the host is a number that is not written as an IP address");
  }
  if (localhost_ == LocalhostPolicy::Deny &&
      (is_localhost_name(host) || (literal && is_local_address(*literal)))) {
    return denied("localhost is not reachable through this tunnel; --proxy-localhost allows it");
  }
  if (denied_ != nullptr && denied_->matches(host)) {
    return denied("the host is on the tunnel's list of denied domains");
  }
  if (purpose == Purpose::Connect &&
      std::find(kMailPorts.begin(), kMailPorts.end(), authority.port) != kMailPorts.end()) {
    return denied("port " + std::to_string(authority.port) + " is for mail");
  }
  return literal ? judge_address(*literal, authority.port) : std::nullopt;
}

std::optional<ProxyError> OriginPolicy::judge_address(const IpAddress& address,
                                                      std::uint16_t port) const {
  if (localhost_ == LocalhostPolicy::Deny && is_local_address(address)) {
    return prohibited("the address is this host's own");
  }
  if (is_never_reachable(address)) {
    return prohibited("the address is link-local, multicast or a metadata service");
  }
  for (const ForbiddenEndpoint& endpoint : forbidden_) {
    if (endpoint.port != port) {
      continue;
    }
    const bool both_local = is_local_address(address) && is_local_address(endpoint.address);
    if (both_local || plain(endpoint.address) == plain(address)) {
      return prohibited("the address belongs to the tunnel itself");
    }
  }
  return std::nullopt;
}

std::optional<ProxyError> OriginPolicy::judge_connection(const IpAddress& own,
                                                         const IpAddress& peer,
                                                         std::uint16_t peer_port) const {
  if (plain(own) != plain(peer)) {
    return std::nullopt;
  }
  const bool is_ours =
      std::any_of(forbidden_.begin(), forbidden_.end(), [peer_port](const auto& endpoint) {
        return endpoint.port == peer_port && is_unspecified(endpoint.address);
      });
  if (is_ours) {
    return prohibited("the address belongs to the tunnel itself");
  }
  return std::nullopt;
}

}  // namespace scpool::worker
