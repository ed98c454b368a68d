#include "common/tunnel/handshake.hpp"

#include <algorithm>

#include "common/base/limits.hpp"
#include "common/base/text.hpp"
#include "common/tunnel/structured_fields.hpp"
#include "common/tunnel/upgrade_fields.hpp"

namespace scpool {
namespace {

constexpr std::string_view kTargetPrefix = "/tunnel/v1/";
constexpr std::string_view kScheme = "Tunnel ";
constexpr std::size_t kTunnelIdSize = 32;
constexpr std::size_t kMaxInstance = 64;
constexpr std::size_t kMaxFeatures = 16;
constexpr std::size_t kMaxFeatureSize = 32;
constexpr std::size_t kProofSize = 32;

HeadProblem malformed(std::string sentence) {
  return {400, "tunnel upgrade: " + std::move(sentence)};
}

bool is_instance(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  return !text.empty() && text.size() <= kMaxInstance &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::variant<TunnelHello, HeadProblem> parse_hello(std::string_view text) {
  const auto members = StructuredDictionary::parse(text, kMaxUpgradeField);
  if (!members) {
    return malformed("Tunnel-Hello is not a dictionary of RFC 8941");
  }
  const auto version = members->integer("v");
  if (!version) {
    return malformed("Tunnel-Hello has no version");
  }
  if (*version != 1) {
    return HeadProblem{426,
                       "tunnel protocol version 1 is spoken here, not " + std::to_string(*version)};
  }
  TunnelHello hello;
  const auto instance = members->string("instance");
  const auto connection = members->integer("conn");
  const auto epoch = members->integer("epoch");
  if (!instance || !is_instance(*instance)) {
    return malformed("Tunnel-Hello needs an instance of 1 to 64 letters, digits and dashes");
  }
  if (!connection || *connection >= limits::kMaxTunnelConnections) {
    return malformed("Tunnel-Hello needs conn, 0 to " +
                     std::to_string(limits::kMaxTunnelConnections - 1));
  }
  if (!epoch) {
    return malformed("Tunnel-Hello has no epoch");
  }
  hello.instance = *instance;
  hello.connection = static_cast<std::uint32_t>(*connection);
  hello.epoch = *epoch;
  hello.attempts = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(members->integer("attempts").value_or(0), UINT32_MAX));
  hello.features = members->list("features").value_or(std::vector<std::string>{});
  const bool short_names =
      std::all_of(hello.features.begin(), hello.features.end(), [](const std::string& feature) {
        return feature.size() <= kMaxFeatureSize;
      });
  if (hello.features.size() > kMaxFeatures || !short_names) {
    return malformed("Tunnel-Hello has too many or too long features");
  }
  return hello;
}

std::optional<Bytes> parse_proof(std::string_view authorization) {
  if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const auto members =
      StructuredDictionary::parse(authorization.substr(kScheme.size()), kMaxUpgradeField);
  const auto text = members ? members->string("proof") : std::nullopt;
  auto proof = text ? from_base64url(*text) : std::nullopt;
  if (!proof || proof->size() != kProofSize) {
    return std::nullopt;
  }
  return proof;
}

std::variant<ResumeRequest, HeadProblem> parse_resume(std::string_view text) {
  const auto members = StructuredDictionary::parse(text, kMaxUpgradeField);
  const auto session = members ? members->string("sid") : std::nullopt;
  const auto received = members ? members->integer("recv") : std::nullopt;
  const auto proof_text = members ? members->string("proof") : std::nullopt;
  auto proof = proof_text ? from_base64url(*proof_text) : std::nullopt;
  if (!session || session->empty() || session->size() > kMaxSessionName || !received || !proof ||
      proof->size() != kProofSize) {
    return malformed("Tunnel-Resume needs sid, recv and a proof of 32 bytes in base64url");
  }
  return ResumeRequest{std::string(*session), *received, std::move(*proof)};
}

// What makes the request an upgrade of ours, apart from the tunnel fields.
std::optional<HeadProblem> check_upgrade(const RequestHead& head) {
  const Fields& fields = head.fields;
  if (head.method != "GET") {
    return malformed("the method is GET");
  }
  if (head.minor_version != 1) {
    return malformed("HTTP/1.1 is needed");
  }
  if (fields.contains("Content-Length") || fields.contains("Transfer-Encoding")) {
    return malformed("the request has no body");
  }
  if (!single(fields, "Host")) {
    return malformed("one Host field is needed");
  }
  if (!fields.lists("Connection", "upgrade")) {
    return malformed("Connection must name upgrade");
  }
  if (const auto upgrade = single(fields, "Upgrade");
      !upgrade || !equals_ignoring_case(*upgrade, "tunnel")) {
    return malformed("Upgrade must be tunnel");
  }
  if (single(fields, "ALPN") != std::string_view("h2")) {
    return malformed("ALPN must be h2");
  }
  return std::nullopt;
}

std::string hello_text(const TunnelHello& hello) {
  return "v=" + std::to_string(hello.version) + ", instance=" + structured_string(hello.instance) +
         ", conn=" + std::to_string(hello.connection) + ", epoch=" + std::to_string(hello.epoch) +
         ", attempts=" + std::to_string(hello.attempts) + ", features=(" +
         join(hello.features, " ") + ")";
}

}  // namespace

bool TunnelHello::has_feature(std::string_view name) const {
  return std::find(features.begin(), features.end(), name) != features.end();
}

std::optional<TunnelId> tunnel_of_target(std::string_view target) {
  if (!target.starts_with(kTargetPrefix)) {
    return std::nullopt;
  }
  const std::string_view id = target.substr(kTargetPrefix.size());
  if (id.size() != kTunnelIdSize || !is_hex(id)) {
    return std::nullopt;
  }
  return TunnelId{std::string(id)};
}

RequestHead upgrade_request_head(const UpgradeRequest& request, std::string_view server_name) {
  RequestHead head;
  head.method = "GET";
  head.target = std::string(kTargetPrefix) + request.tunnel.value;
  head.fields.add("Host", std::string(server_name));
  head.fields.add("Connection", "upgrade");
  head.fields.add("Upgrade", "tunnel");
  head.fields.add("ALPN", "h2");
  head.fields.add("Authorization",
                  std::string(kScheme) + "proof=" + structured_string(to_base64url(request.proof)));
  head.fields.add("Tunnel-Hello", hello_text(request.hello));
  if (const auto& resume = request.resume) {
    head.fields.add("Tunnel-Resume",
                    "sid=" + structured_string(resume->session) +
                        ", recv=" + std::to_string(resume->received) +
                        ", proof=" + structured_string(to_base64url(resume->proof)));
  }
  return head;
}

std::variant<UpgradeRequest, HeadProblem> parse_upgrade_request(const RequestHead& head) {
  auto tunnel = tunnel_of_target(head.target);
  if (!tunnel) {
    return malformed("the target must be /tunnel/v1/ and 32 hexadecimal digits");
  }
  if (auto problem = check_upgrade(head)) {
    return std::move(*problem);
  }
  const auto hello_field = single(head.fields, "Tunnel-Hello");
  if (!hello_field) {
    return malformed("one Tunnel-Hello field is needed");
  }
  auto hello = parse_hello(*hello_field);
  if (auto* problem = std::get_if<HeadProblem>(&hello)) {
    return std::move(*problem);
  }
  const auto authorization = single(head.fields, "Authorization");
  auto proof = authorization ? parse_proof(*authorization) : std::nullopt;
  if (!proof) {
    return malformed("Authorization must be Tunnel with a proof of 32 bytes in base64url");
  }
  UpgradeRequest request{
      std::move(*tunnel), std::move(std::get<TunnelHello>(hello)), std::move(*proof)};
  if (head.fields.contains("Tunnel-Resume")) {
    const auto resume_field = single(head.fields, "Tunnel-Resume");
    if (!resume_field) {
      return malformed("one Tunnel-Resume field at most");
    }
    auto resume = parse_resume(*resume_field);
    if (auto* problem = std::get_if<HeadProblem>(&resume)) {
      return std::move(*problem);
    }
    request.resume = std::move(std::get<ResumeRequest>(resume));
  }
  return request;
}

}  // namespace scpool
