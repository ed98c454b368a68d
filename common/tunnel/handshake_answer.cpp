// The server's half of the upgrade: what a 101 says of the session.
#include "common/base/limits.hpp"
#include "common/base/text.hpp"
#include "common/tunnel/handshake.hpp"
#include "common/tunnel/structured_fields.hpp"
#include "common/tunnel/upgrade_fields.hpp"

namespace scpool {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::uint64_t kMaxHoldSeconds = 3600;
constexpr std::uint64_t kMaxPingSeconds = 3600;
constexpr std::uint64_t kMaxStreams = 1'000'000;

Result<void> fill_answer(const StructuredDictionary& members, TunnelSessionAnswer& answer) {
  const auto session = members.string("sid");
  if (!session || session->empty()) {
    return Error(ErrorKind::Protocol, "Tunnel-Session has no sid");
  }
  answer.session = *session;
  if (answer.session.size() > kMaxSessionName) {
    return Error(ErrorKind::Protocol, "Tunnel-Session has a sid that is too long");
  }
  const std::uint64_t hold = members.integer("hold").value_or(0);
  const std::uint64_t ping = members.integer("ping").value_or(10);
  const std::uint64_t streams = members.integer("max-streams").value_or(answer.max_streams);
  if (hold > kMaxHoldSeconds || ping == 0 || ping > kMaxPingSeconds || streams == 0 ||
      streams > kMaxStreams) {
    return Error(ErrorKind::Protocol, "Tunnel-Session has hold, ping or max-streams out of range");
  }
  answer.hold = std::chrono::seconds{hold};
  answer.ping = std::chrono::seconds{ping};
  answer.max_streams = static_cast<std::uint32_t>(streams);
  answer.carrier = members.integer("carrier").value_or(0) == 1;
  if (members.integer("resumed").value_or(0) == 1) {
    answer.resumed_received = members.integer("recv");
    if (!answer.resumed_received) {
      return Error(ErrorKind::Protocol, "Tunnel-Session resumes a session without recv");
    }
  }
  if (const auto key = members.string("key")) {
    auto bytes = from_base64url(*key);
    if (!bytes || bytes->size() != kKeySize) {
      return Error(ErrorKind::Protocol, "Tunnel-Session has a key that is not 32 bytes");
    }
    answer.key = std::move(*bytes);
  }
  if (answer.carrier && answer.key.empty() && !answer.resumed_received) {
    return Error(ErrorKind::Protocol, "Tunnel-Session offers a carrier without a key");
  }
  return {};
}

}  // namespace

ResponseHead upgrade_answer_head(const TunnelSessionAnswer& answer) {
  const auto seconds = [](Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  };
  std::string session = "v=" + std::to_string(answer.version) +
                        ", sid=" + structured_string(answer.session) +
                        ", hold=" + seconds(answer.hold) + ", ping=" + seconds(answer.ping) +
                        ", max-streams=" + std::to_string(answer.max_streams) +
                        ", carrier=" + (answer.carrier ? "1" : "0");
  if (!answer.key.empty()) {
    session += ", key=" + structured_string(to_base64url(answer.key));
  }
  if (answer.resumed_received) {
    session += ", resumed=1, recv=" + std::to_string(*answer.resumed_received);
  }
  ResponseHead head;
  head.status = 101;
  head.reason = "Switching Protocols";
  head.fields.add("Connection", "upgrade");
  head.fields.add("Upgrade", "tunnel");
  head.fields.add("ALPN", "h2");
  head.fields.add("Tunnel-Session", std::move(session));
  return head;
}

Result<TunnelSessionAnswer> parse_upgrade_answer(const ResponseHead& head) {
  if (head.status != 101) {
    return Error(ErrorKind::Protocol,
                 "the server answered " + std::to_string(head.status) + " instead of 101");
  }
  const auto upgrade = single(head.fields, "Upgrade");
  if (!upgrade || !equals_ignoring_case(*upgrade, "tunnel") ||
      !head.fields.lists("Connection", "upgrade")) {
    return Error(ErrorKind::Protocol, "the server's 101 does not upgrade to tunnel");
  }
  if (single(head.fields, "ALPN") != std::string_view("h2")) {
    return Error(ErrorKind::Protocol, "the server's 101 does not choose h2");
  }
  const auto text = single(head.fields, "Tunnel-Session");
  if (!text) {
    return Error(ErrorKind::Protocol, "the server's 101 has no Tunnel-Session");
  }
  const auto members = StructuredDictionary::parse(*text, kMaxUpgradeField);
  if (!members) {
    return Error(ErrorKind::Protocol, "Tunnel-Session is not a dictionary of RFC 8941");
  }
  if (members->integer("v") != 1U) {
    return Error(ErrorKind::Protocol, "the server speaks another tunnel version than 1");
  }
  TunnelSessionAnswer answer;
  if (auto filled = fill_answer(*members, answer); !filled) {
    return filled.error();
  }
  return answer;
}

}  // namespace scpool
