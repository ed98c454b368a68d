// A whole sc-server on the test's loop, with one account and three listeners, and the calls a test
// makes of it.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "common/io/http_client.hpp"
#include "server/embedded.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/scripted_worker.hpp"
#include "tests/support/temporary_directory.hpp"

namespace scpool::server {

struct RunningServer {
  explicit RunningServer(EventLoop& its_loop, const std::function<void(ServerConfig&)>& change = {})
      : loop(its_loop), http(its_loop) {
    wish.directory = directory.path("state");
    wish.open_ingress_tunnel = "pool";
    config.log_level = "debug";
    config.max_tunnels = 4;
    config.request_wait = std::chrono::seconds{5};
    config.drain_timeout = std::chrono::seconds{5};
    config.max_ingress_connections = 1000;
    config.max_streams_per_connection = 256;
    if (change) {
      change(config);
    }
    start();
  }

  void start() {
    REQUIRE(prepare_embedded(wish, config).ok());
    server.emplace(loop, log, config);
    const Result<void> started = server->start();
    REQUIRE_MESSAGE(started.ok(), (started ? std::string() : started.error().sentence()));
    REQUIRE(write_embedded_facts(wish, *server).ok());
    const auto text = read_config_text();
    facts = parse_json(text);
    key = read_secret(facts["access_key_file"].get<std::string>());
    ca_file = facts["ca_file"].get<std::string>();
    trust.emplace(TlsContext::for_client({{ca_file}, true, {"http/1.1"}}).value());
  }

  HttpAnswer call(std::string method, const std::string& path, std::string body = {}) {
    return call_as(std::move(method), path, std::move(body), "local", key);
  }

  HttpAnswer call_as(std::string method,
                     const std::string& path,
                     std::string body,
                     std::string user,
                     std::string password) {
    HttpCall one;
    one.method = std::move(method);
    one.url = facts["rest_url"].get<std::string>() + path;
    one.body = std::move(body);
    one.user = std::move(user);
    one.password = Secret(std::move(password));
    one.ca_files = {ca_file};
    return perform(std::move(one));
  }

  HttpAnswer perform(HttpCall one) {
    std::optional<Result<HttpAnswer>> answer;
    const HttpClient::Ticket ticket =
        http.start(std::move(one), [&answer](Result<HttpAnswer> got) { answer = std::move(got); });
    run_until(loop, [&answer] { return answer.has_value(); });
    REQUIRE_MESSAGE(answer->ok(), (answer->ok() ? std::string() : answer->error().sentence()));
    return answer->value();
  }

  nlohmann::json create(const std::string& name = "pool", const std::string& pool = "true") {
    const HttpAnswer made = call(
        "POST",
        "/local/tunnels",
        R"({"tunnel_identifier":")" + name + R"(","protocol":"h2c","tunnel_pool":)" + pool + "}");
    REQUIRE_MESSAGE(made.status == 200, made.body);
    return parse_json(made.body);
  }

  ScriptedWorker::Place place(const nlohmann::json& tunnel) const {
    ScriptedWorker::Place place;
    place.server = server->tls_endpoint();
    place.trust = &*trust;
    place.tunnel = TunnelId{tunnel["id"].get<std::string>()};
    place.secret = *from_base64url(tunnel["connect_secret"].get<std::string>());
    return place;
  }

  // A tunnel with one connection that is ready.
  std::unique_ptr<ScriptedWorker> worker(const nlohmann::json& tunnel,
                                         std::uint32_t index = 0,
                                         std::uint64_t epoch = 1) {
    ScriptedWorker::Place where = place(tunnel);
    where.index = index;
    where.epoch = epoch;
    auto made = std::make_unique<ScriptedWorker>(loop, where);
    const std::string path = "/local/tunnels/" + where.tunnel.value;
    run_until(loop, [&made] { return made->ready; });
    for (int round = 0; round < 200; ++round) {
      if (parse_json(call("GET", path).body)["is_ready"] == true) {
        return made;
      }
    }
    FAIL("the tunnel did not become ready");
    return made;
  }

  // A browser at the ingress without credentials ("open") or the other.
  std::unique_ptr<RecordedStream> browser(const std::string& which = "open_ingress_url") {
    const auto url = facts[which].get<std::string>();
    const auto at = parse_endpoint(url.substr(7));
    REQUIRE(at.ok());
    return std::make_unique<RecordedStream>(Stream::connect_tcp(loop, at.value()));
  }

  std::string read_config_text() const { return read_file(wish.directory + "/server.json"); }
  std::string read_secret(const std::string& path) const {
    std::string text = read_file(path);
    text.resize(text.find_last_not_of('\n') + 1);
    return text;
  }
  static std::string read_file(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  EventLoop& loop;
  TemporaryDirectory directory;
  HttpClient http;
  Log log = Log::open({directory.path("log"), LogFormat::Text, LogLevel::Debug}).value();
  EmbeddedWish wish;
  ServerConfig config;
  std::optional<Server> server;
  std::optional<TlsContext> trust;
  nlohmann::json facts;
  std::string key;
  std::string ca_file;
};

}  // namespace scpool::server
