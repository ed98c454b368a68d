// The least that a worker needs of a server: REST over TLS and the tunnel endpoint on one port, in
// the test's own process and loop. What it answers can be changed at any time.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/text.hpp"
#include "common/io/http_server.hpp"
#include "common/io/tunnel_link.hpp"
#include "common/tls/proof.hpp"
#include "common/tls/tls_context.hpp"
#include "common/tunnel/handshake.hpp"
#include "common/tunnel/tunnel_resource.hpp"
#include "tests/support/temporary_directory.hpp"

namespace scpool {

class ScriptedTunnelServer {
 public:
  struct Connection final : TunnelLinkListener {
    explicit Connection(UpgradeRequest request) : upgrade(std::move(request)) {}
    void on_link_ready() override { ready = true; }
    void on_request(StreamId /*stream*/, Fields /*head*/) override {}
    void on_control(const ControlMessage& message) override {
      draining = draining || std::holds_alternative<control::Drain>(message);
    }
    void on_suspect(bool /*suspect*/) override {}
    void on_link_suspended(const Error& /*why*/) override {}
    void on_link_closed(const Error& /*error*/) override { closed = true; }

    UpgradeRequest upgrade;
    std::unique_ptr<TunnelLink> link;
    bool ready = false;
    bool draining = false;
    bool closed = false;
  };

  explicit ScriptedTunnelServer(EventLoop& loop)
      : loop_(loop),
        tls_(make_tls()),
        http_(loop, {}, [this](const HttpRequest& request, HttpReply reply) {
          take(request, std::move(reply));
        }) {
    const Result<Endpoint> at = http_.listen_tcp({"127.0.0.1", 0}, &*tls_);
    REQUIRE(at.ok());
    endpoint_ = at.value();
  }

  std::string rest_url() const { return "https://" + endpoint_.text() + "/rest/v1"; }
  std::string ca_file() const { return directory_.path("ca.pem"); }
  std::size_t ready_connections() const {
    return static_cast<std::size_t>(
        std::count_if(connections.begin(), connections.end(), [](const auto& each) {
          return each->ready && !each->closed;
        }));
  }
  bool all_closed() const {
    return std::all_of(
        connections.begin(), connections.end(), [](const auto& each) { return each->closed; });
  }

  // What it does.
  int create_status = 200;
  std::string create_error;
  int upgrade_status = 101;
  std::uint64_t jobs_running = 0;
  // What it saw.
  std::vector<std::string> calls;  // "METHOD path?query"
  std::vector<std::unique_ptr<Connection>> connections;
  int created = 0;
  int bad_proofs = 0;

 private:
  std::optional<TlsContext> make_tls() {
    const auto made = generate_certificate({"127.0.0.1"}, 1);
    REQUIRE(made.ok());
    directory_.write("ca.pem", made.value().ca_pem);
    TlsServerSettings settings;
    settings.certificate_file = directory_.write("cert.pem", made.value().certificate_pem);
    settings.key_file = directory_.write("key.pem", made.value().key_pem);
    Result<TlsContext> context = TlsContext::for_server(settings);
    REQUIRE(context.ok());
    return std::move(context).value();
  }

  void take(const HttpRequest& request, HttpReply reply) {
    if (tunnel_of_target(request.head.target)) {
      upgrade(request, std::move(reply));
      return;
    }
    calls.push_back(request.head.method + " " + request.path +
                    (request.query.empty() ? "" : "?" + request.query));
    reply.send(answer(request));
  }

  HttpResponse answer(const HttpRequest& request) {
    if (request.head.method == "DELETE") {
      return json_response(
          200, R"({"result":true,"jobs_running":)" + std::to_string(jobs_running) + "}");
    }
    if (request.head.method == "GET") {
      ServerUpdates updates;
      updates.regions = {{"here", rest_url()}};
      return json_response(200, to_json(updates));
    }
    if (!request.path.ends_with("/tunnels")) {
      return json_response(200, R"({"result":true})");
    }
    if (create_status != 200) {
      return json_response(create_status, R"({"error":")" + create_error + "\"}");
    }
    ++created;
    CreatedTunnel tunnel;
    tunnel.state.id = TunnelId{random_hex(16)};
    tunnel.state.status = TunnelStatus::Running;
    tunnel.state.host = endpoint_.text();
    const Bytes secret = random_secret_bytes(32);
    secrets_[tunnel.state.id.value] = secret;
    tunnel.connect_secret = Secret(to_base64url(secret));
    return json_response(200, to_json(tunnel));
  }

  void upgrade(const HttpRequest& request, HttpReply reply) {
    auto parsed = parse_upgrade_request(request.head);
    REQUIRE(std::holds_alternative<UpgradeRequest>(parsed));
    UpgradeRequest asked = std::get<UpgradeRequest>(std::move(parsed));
    const Bytes expected = tunnel_proof(secrets_[asked.tunnel.value],
                                        request.channel_binding,
                                        {.tunnel_id = asked.tunnel.value,
                                         .instance = asked.hello.instance,
                                         .connection = asked.hello.connection,
                                         .epoch = asked.hello.epoch});
    bad_proofs += expected == asked.proof ? 0 : 1;
    if (upgrade_status != 101) {
      reply.send(json_response(upgrade_status, R"({"error":"scripted"})"));
      return;
    }
    TunnelSessionAnswer session;
    session.session = random_hex(16);
    auto upgraded = reply.upgrade(upgrade_answer_head(session));
    REQUIRE(upgraded.has_value());
    Connection& connection =
        *connections.emplace_back(std::make_unique<Connection>(std::move(asked)));
    connection.link = std::make_unique<TunnelLink>(loop_,
                                                   std::move(upgraded->stream),
                                                   upgraded->already_read,
                                                   TunnelLinkSettings{},
                                                   connection);
  }

  EventLoop& loop_;
  TemporaryDirectory directory_;
  std::optional<TlsContext> tls_;
  HttpServer http_;
  Endpoint endpoint_;
  std::map<std::string, Bytes> secrets_;
};

}  // namespace scpool
