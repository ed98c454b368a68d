// The one HTTP/1.1 Upgrade by which a dialled connection becomes a tunnel connection, and its
// answer (engineering notes section 1). Strict on both sides; sc-server's parser is fuzzed.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/ids.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/http/message_head.hpp"

namespace scpool {

// Tunnel-Hello: who dials. Identity of a connection = (tunnel, instance, connection); a higher
// epoch replaces a lower one.
struct TunnelHello {
  int version = 1;
  std::string instance;          // UUID of the worker process
  std::uint32_t connection = 0;  // index, 0..15
  std::uint64_t epoch = 0;
  std::uint32_t attempts = 0;
  std::vector<std::string> features;  // "drain", "canary", "sync", "carrier"
  bool has_feature(std::string_view name) const;
};

// Tunnel-Resume: the session to go on with, on a new connection.
struct ResumeRequest {
  std::string session;         // sid
  std::uint64_t received = 0;  // HTTP/2 bytes the worker has of the server
  Bytes proof;                 // 32 bytes, resume_proof()
};

struct UpgradeRequest {
  TunnelId tunnel;
  TunnelHello hello;
  Bytes proof;  // 32 bytes
  std::optional<ResumeRequest> resume = std::nullopt;
};

struct TunnelSessionAnswer {
  int version = 1;
  std::string session;  // sid
  Duration hold = Duration::zero();
  Duration ping = std::chrono::seconds{10};
  std::uint32_t max_streams = 256;
  bool carrier = false;
  Bytes key;  // for resumption; empty without a carrier
  // The session goes on: HTTP/2 bytes the server has of the worker.
  std::optional<std::uint64_t> resumed_received = std::nullopt;
};

// "/tunnel/v1/{id}" of any request target; nothing for others.
std::optional<TunnelId> tunnel_of_target(std::string_view target);

RequestHead upgrade_request_head(const UpgradeRequest& request, std::string_view server_name);
// 400 malformed, 426 other version.
std::variant<UpgradeRequest, HeadProblem> parse_upgrade_request(const RequestHead& head);

ResponseHead upgrade_answer_head(const TunnelSessionAnswer& answer);
// Of a 101. The error says what is missing.
Result<TunnelSessionAnswer> parse_upgrade_answer(const ResponseHead& head);

}  // namespace scpool
