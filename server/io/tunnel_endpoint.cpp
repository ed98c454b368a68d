#include "server/io/tunnel_endpoint.hpp"

#include <utility>
#include <variant>

#include "common/base/text.hpp"
#include "common/io/socket_address.hpp"
#include "common/tls/proof.hpp"

namespace scpool::server {

namespace {

std::size_t head_size(const RequestHead& head) {
  std::size_t size = head.method.size() + head.target.size() + 12;
  for (const Field field : head.fields) {
    size += field.name.size() + field.value.size() + 4;
  }
  return size;
}

std::string client_of(const HttpRequest& request) {
  return request.peer ? request.peer->address : std::string("unknown");
}

}  // namespace

ConnectionIdentity TunnelEndpoint::identity_of(const HttpRequest& request,
                                               const UpgradeRequest& upgrade) const {
  ConnectionIdentity identity;
  identity.tunnel = upgrade.tunnel;
  identity.instance = upgrade.hello.instance;
  identity.index = upgrade.hello.connection;
  identity.epoch = upgrade.hello.epoch;
  identity.peer = request.peer ? request.peer->text() : std::string("unknown");
  identity.since = parts_.loop.wall_now();
  return identity;
}

void TunnelEndpoint::handle(const HttpRequest& request, HttpReply reply) {
  UpgradeRequest upgrade;
  const std::optional<Refusal> refusal = refusal_of(request, upgrade);
  if (!refusal) {
    if (upgrade.resume) {
      accept_resumed(request, upgrade, std::move(reply));
    } else {
      accept(request, upgrade, std::move(reply));
    }
    return;
  }
  parts_.metrics.handshake_ended(refusal->status);
  parts_.log.info("tunnels",
                  "handshake refused",
                  {{"peer", client_of(request)},
                   {"status", std::to_string(refusal->status)},
                   {"why", refusal->sentence}});
  HttpResponse response = json_error(refusal->status, refusal->sentence);
  if (refusal->status == 429 || refusal->status == 503) {
    response.fields.add("Retry-After", "1");
  }
  if (refusal->status == 426) {
    response.fields.add("Upgrade", "tunnel");
  }
  // After anything but a 101 the connection ends (notes section 1).
  response.fields.add("Connection", "close");
  reply.send(response);
}

std::optional<TunnelEndpoint::Refusal> TunnelEndpoint::refusal_of(const HttpRequest& request,
                                                                  UpgradeRequest& upgrade) {
  if (!parts_.ledger.admission().may_shake_hands(client_of(request), parts_.loop.now())) {
    return Refusal{429, "too many handshakes from this address"};
  }
  // What runs may still end on a connection that was cut meanwhile.
  if (!accepting_ && !request.head.fields.contains("Tunnel-Resume")) {
    return Refusal{503, "the server is stopping"};
  }
  if (request.channel_binding.empty()) {
    return Refusal{400, "a tunnel connection needs TLS"};
  }
  if (head_size(request.head) > limits::kMaxUpgradeHead) {
    return Refusal{431, "the upgrade request is too large"};
  }
  std::variant<UpgradeRequest, HeadProblem> parsed = parse_upgrade_request(request.head);
  if (const auto* problem = std::get_if<HeadProblem>(&parsed)) {
    return Refusal{problem->status, problem->sentence};
  }
  upgrade = std::move(std::get<UpgradeRequest>(parsed));
  return check_tunnel(request, upgrade);
}

std::optional<TunnelEndpoint::Refusal> TunnelEndpoint::check_tunnel(const HttpRequest& request,
                                                                    const UpgradeRequest& upgrade) {
  const Tunnel* tunnel = parts_.ledger.tunnels().find(upgrade.tunnel);
  if (tunnel == nullptr) {
    return Refusal{404, "unknown tunnel"};
  }
  const ProofSubject subject{
      upgrade.tunnel.value, upgrade.hello.instance, upgrade.hello.connection, upgrade.hello.epoch};
  const Bytes expected =
      tunnel_proof(parts_.ledger.connect_secret(upgrade.tunnel), request.channel_binding, subject);
  if (!equal_in_constant_time(expected, upgrade.proof)) {
    parts_.metrics.authentication_failed("proof");
    return Refusal{401, "the proof is wrong for this tunnel and TLS channel"};
  }
  if (!tunnel->active()) {
    return Refusal{410, "the tunnel was deleted: " + tunnel->state.shutdown_reason.value_or("")};
  }
  if (upgrade.resume) {
    return check_resume(request, upgrade);
  }
  switch (parts_.roster.admits(identity_of(request, upgrade))) {
    case TunnelRoster::Admission::Welcome:
      return std::nullopt;
    case TunnelRoster::Admission::Superseded:
      return Refusal{409, "a newer epoch of this connection exists"};
    case TunnelRoster::Admission::Full:
      return Refusal{503, "the tunnel has all the connections it may have"};
  }
  return std::nullopt;
}

std::optional<TunnelEndpoint::Refusal> TunnelEndpoint::check_resume(const HttpRequest& request,
                                                                    const UpgradeRequest& upgrade) {
  const ResumeRequest& asked = *upgrade.resume;
  TunnelConnection* found = parts_.roster.find_session(upgrade.tunnel, asked.session);
  if (found == nullptr) {
    parts_.metrics.resumed("unknown");
    return Refusal{409, "the session is unknown here: it was over, or the server has restarted"};
  }
  const ResumableSession& session = found->identity().session;
  const Bytes expected = resume_proof(
      session.key, request.channel_binding, session.id, upgrade.hello.epoch, asked.received);
  const ResumeVerdict verdict = judge_resume(session,
                                             upgrade.hello.epoch,
                                             asked.proof,
                                             expected,
                                             found->link().can_resume(asked.received));
  if (verdict == ResumeVerdict::Accepted) {
    return std::nullopt;
  }
  if (verdict == ResumeVerdict::WrongProof) {
    parts_.metrics.authentication_failed("resume");
  }
  parts_.metrics.resumed(to_text(verdict));
  return Refusal{409, std::string(sentence_of(verdict))};
}

void TunnelEndpoint::accept_resumed(const HttpRequest& request,
                                    const UpgradeRequest& upgrade,
                                    HttpReply reply) {
  TunnelConnection* connection =
      parts_.roster.find_session(upgrade.tunnel, upgrade.resume->session);
  connection->retire_socket();
  // Telling the roster may have ended it.
  connection = parts_.roster.find_session(upgrade.tunnel, upgrade.resume->session);
  if (connection == nullptr || !connection->suspended_since()) {
    return;  // the worker gets a 500 and asks again
  }
  TunnelSessionAnswer answer;
  answer.session = upgrade.resume->session;
  answer.max_streams = parts_.config.max_streams_per_connection;
  answer.carrier = true;
  answer.hold = parts_.config.resume_hold;
  answer.resumed_received = connection->link().received();
  if (auto upgraded = reply.upgrade(upgrade_answer_head(answer))) {
    parts_.metrics.handshake_ended(101);
    tune_tunnel(upgraded->stream->descriptor());
    connection->resume(
        std::move(*upgraded), identity_of(request, upgrade), upgrade.resume->received);
  }
}

void TunnelEndpoint::accept(const HttpRequest& request,
                            const UpgradeRequest& upgrade,
                            HttpReply reply) {
  TunnelSessionAnswer answer;
  answer.session = random_hex(16);
  answer.max_streams = parts_.config.max_streams_per_connection;
  if (upgrade.hello.has_feature("carrier") && parts_.config.resume_hold > Duration::zero()) {
    answer.carrier = true;
    answer.hold = parts_.config.resume_hold;
    answer.key = random_secret_bytes(32);
  }
  std::optional<UpgradedConnection> upgraded = reply.upgrade(upgrade_answer_head(answer));
  if (!upgraded) {
    return;
  }
  parts_.metrics.handshake_ended(101);
  tune_tunnel(upgraded->stream->descriptor());
  ConnectionIdentity identity = identity_of(request, upgrade);
  TunnelLinkSettings settings;
  settings.side = TunnelLinkSettings::Side::Server;
  if (answer.carrier) {
    identity.session = {answer.session, answer.key, identity.epoch};
    settings.carrier = {true, parts_.config.resume_memory, answer.hold};
  }
  parts_.roster.add(std::move(identity), std::move(*upgraded), settings);
}

}  // namespace scpool::server
