// Which hosts, addresses and ports the worker may reach (engineering notes section 8). Names are
// judged before they are resolved, every address before it is connected to; private ranges are
// allowed, since they are the purpose. Pure; owned by the gateway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/authority.hpp"
#include "common/http/domain_rules.hpp"
#include "common/http/ip_address.hpp"
#include "common/http/proxy_error.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {

// An address and port that must not be reached. The unspecified address stands for all our own.
struct ForbiddenEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  friend bool operator==(const ForbiddenEndpoint&, const ForbiddenEndpoint&) = default;
};

class OriginPolicy {
 public:
  enum class Purpose { Exchange, Connect };

  // `denied` may be null; it must outlive the policy.
  OriginPolicy(LocalhostPolicy localhost, const DomainRules* denied);

  void forbid(const ForbiddenEndpoint& endpoint);  // again is the same as once

  // Before anything is looked up; nothing when the host and port may be tried.
  std::optional<ProxyError> judge_name(const Authority& authority, Purpose purpose) const;
  // One address of the answer.
  std::optional<ProxyError> judge_address(const IpAddress& address, std::uint16_t port) const;
  // A connection whose two ends have the same address leads to this host: it must not be one of our
  // own listeners on all addresses.
  std::optional<ProxyError> judge_connection(const IpAddress& own,
                                             const IpAddress& peer,
                                             std::uint16_t peer_port) const;

 private:
  LocalhostPolicy localhost_;
  const DomainRules* denied_;
  std::vector<ForbiddenEndpoint> forbidden_;
};

// How the name is to be reached.
struct OriginName {
  std::string host;                  // without the root's dot
  std::vector<IpAddress> addresses;  // known without a lookup: a literal, or localhost
};
OriginName origin_name(const Authority& authority);

bool is_localhost_name(std::string_view host);
// Loopback and the unspecified addresses, as they are or inside IPv6.
bool is_local_address(const IpAddress& address);
// Link-local, metadata services, multicast, broadcast: no site is there.
bool is_never_reachable(const IpAddress& address);

}  // namespace scpool::worker
