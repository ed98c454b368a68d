#include "worker/core/worker_facts.hpp"

#include <doctest/doctest.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

WorkerFacts some_facts() {
  WorkerFacts facts;
  facts.state = LifecycleState::Serving;
  facts.ready = true;
  facts.connected = true;
  facts.tunnel_id = "0123456789abcdef0123456789abcdef";
  facts.tunnel_name = "web";
  facts.tunnel_server = "127.0.0.1:443";
  facts.tunnel_host = "tunnel.test";
  facts.first_connected = wall_time_from_unix(1'700'000'000);
  facts.last_change = wall_time_from_unix(1'700'000'100);
  facts.reconnects = 2;
  ConnectionSnapshot waiting;
  waiting.state = ConnectionState::Waiting;
  waiting.retry_in = 1500ms;
  waiting.last_error = "refused";
  ConnectionSnapshot ready;
  ready.state = ConnectionState::Ready;
  ready.canary_age = 3s;
  facts.connections = {ready, waiting};
  return facts;
}

TEST_CASE("/info names the tunnel and its connections") {
  const Json info = parse_json(info_json(some_facts()));
  CHECK(info["tunnel_id"] == "0123456789abcdef0123456789abcdef");
  CHECK(info["tunnel_name"] == "web");
  CHECK(info["tunnel_server"] == "127.0.0.1:443");
  CHECK(info["tunnel_host"] == "tunnel.test");
  CHECK(info["state"] == "serving");
  REQUIRE(info["connections"].size() == 2);
  CHECK(info["connections"][0]["canary_age_seconds"] == 3.0);
  CHECK(info["connections"][1]["retry_in_seconds"] == 1.5);
  CHECK(info["connections"][1]["last_error"] == "refused");
}

TEST_CASE("the status of the fourth generation") {
  Json status = parse_json(status_json(some_facts()));
  CHECK(status["firstConnectedTime"] == 1'700'000'000);
  CHECK(status["lastStatusChange"] == 1'700'000'100);
  CHECK(status["reconnectCount"] == 2);
  CHECK(status["tunnelStatus"] == "connected");
  status = parse_json(status_json(WorkerFacts{}));
  CHECK(status["firstConnectedTime"].is_null());
  CHECK(status["tunnelStatus"] == "disconnected");
}

TEST_CASE("the ready file tells the time in words") {
  const Json ready = parse_json(ready_file_json(some_facts()));
  CHECK(ready["firstConnectedTime"] == "2023-11-14 22:13:20");
  CHECK(ready["tunnelID"] == "0123456789abcdef0123456789abcdef");
}

TEST_CASE("a name that is no UTF-8 is replaced, not refused") {
  WorkerFacts facts;
  facts.tunnel_name = "\xff";
  CHECK(Json::accept(info_json(facts)));
}

TEST_CASE("version") {
  CHECK(parse_json(version_json())["version"] == SCPOOL_VERSION);
  CHECK(version_text().starts_with("Version: " SCPOOL_VERSION "\n"));
}

}  // namespace
}  // namespace scpool::worker
