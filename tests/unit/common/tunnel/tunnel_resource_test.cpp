#include "common/tunnel/tunnel_resource.hpp"

#include <doctest/doctest.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

using namespace scpool;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string kId = "00112233445566778899aabbccddeeff";

CreateTunnelRequest parsed_create(std::string_view text) {
  auto request = parse_create_request(text);
  REQUIRE(request.ok());
  return std::move(request).value();
}

TunnelState parsed_state(const std::string& members) {
  auto state = parse_tunnel_state("{\"id\":\"" + kId + "\"" + members + "}");
  REQUIRE(state.ok());
  return std::move(state).value();
}

}  // namespace

TEST_CASE("the create body of the younger clients") {
  const auto request = parsed_create(R"({"tunnel_identifier":"ci","protocol":"h2c","shared":"all",
    "shared_tunnel":false,"tunnel_pool":true,"tunnel_domains":["a\\.example"],
    "direct_domains":["b"],"deny_domains":["c"],"tls_passthrough_domains":["d"],
    "tls_resign_domains":["e"],"metadata":{"build":"1","hostname":"h","nofile_limit":64000,
    "host_memory":8589934592,"extra":{"runner":"docker"},"host_cpu":"x"},"later_field":{"a":1}})");
  CHECK(request.tunnel_identifier == "ci");
  CHECK(request.protocol == "h2c");
  CHECK(request.shared);
  CHECK(request.tunnel_pool);
  CHECK(request.tunnel_domains == std::vector<std::string>{"a\\.example"});
  CHECK(request.direct_domains == std::vector<std::string>{"b"});
  CHECK(request.deny_domains == std::vector<std::string>{"c"});
  CHECK(request.tls_passthrough_domains == std::vector<std::string>{"d"});
  CHECK(request.tls_resign_domains == std::vector<std::string>{"e"});
  CHECK(request.metadata.hostname == "h");
  CHECK(request.metadata.nofile_limit == 64000);
  CHECK(request.metadata.host_memory == 8589934592U);
  CHECK(request.metadata.extra.at("runner") == "docker");
}

TEST_CASE("the create body of the older clients, with its nulls") {
  const auto request = parsed_create(R"({"tunnel_identifier":null,"protocol":"kgp",
    "shared_tunnel":true,"tunnel_pool":false,"domain_names":["a"],"direct_domains":null,
    "fast_fail_regexps":["b"],"no_ssl_bump_domains":["c"],"no_proxy_caching":false,"ssh_port":443,
    "extra_info":"{\"x\":1}","vm_version":null,"metadata":null})");
  CHECK(request.tunnel_identifier.empty());
  CHECK(request.protocol == "kgp");
  CHECK(request.shared);
  CHECK_FALSE(request.tunnel_pool);
  CHECK(request.tunnel_domains == std::vector<std::string>{"a"});
  CHECK(request.direct_domains.empty());
  CHECK(request.deny_domains == std::vector<std::string>{"b"});
  CHECK(request.tls_passthrough_domains == std::vector<std::string>{"c"});
  CHECK(request.extra_info == "{\"x\":1}");
}

TEST_CASE("booleans come as 1, 0, true and false, plain or as text") {
  for (const char* yes : {"1", "true", "\"1\"", "\"true\"", "\"TRUE\""}) {
    CAPTURE(yes);
    CHECK(parsed_create("{\"tunnel_pool\":" + std::string(yes) + "}").tunnel_pool);
    CHECK(parsed_create("{\"shared_tunnel\":" + std::string(yes) + "}").shared);
  }
  for (const char* no : {"0", "false", "\"0\"", "\"false\"", "null", "\"\"", "[]"}) {
    CAPTURE(no);
    CHECK_FALSE(parsed_create("{\"tunnel_pool\":" + std::string(no) + "}").tunnel_pool);
  }
  CHECK_FALSE(parsed_create("{\"shared\":\"\"}").shared);
  CHECK_FALSE(parsed_create("{\"shared\":null,\"shared_tunnel\":0}").shared);
  CHECK(parsed_create("{\"shared\":\"all\"}").shared);
}

TEST_CASE("a create body that is none, or lists that are none, are told") {
  for (const char* text : {"", "[]", "null", "{", "{\"a\":1}x", "\"text\""}) {
    CAPTURE(text);
    const auto request = parse_create_request(text);
    REQUIRE_FALSE(request.ok());
    CHECK(request.error().kind() == ErrorKind::Invalid);
    CHECK(request.error().sentence() == "the body is not a JSON object");
  }
  CHECK(parse_create_request("{\"deny_domains\":\"a,b\"}").error().sentence() ==
        "deny_domains must be a list of strings");
  CHECK(parse_create_request("{\"domain_names\":[1]}").error().sentence() ==
        "domain_names must be a list of strings");
}

TEST_CASE("what the worker writes, the server reads") {
  CreateTunnelRequest request;
  request.tunnel_identifier = "ci \"quoted\"";
  request.shared = true;
  request.tunnel_pool = true;
  request.tunnel_domains = {"a", "b"};
  request.tls_resign_domains = {".*"};
  request.extra_info = "{}";
  request.metadata.hostname = "host";
  request.metadata.nofile_limit = 20000;
  request.metadata.extra = {{"k", "v"}};
  const CreateTunnelRequest read = parsed_create(to_json(request));
  CHECK(read.tunnel_identifier == request.tunnel_identifier);
  CHECK(read.shared);
  CHECK(read.tunnel_pool);
  CHECK(read.tunnel_domains == request.tunnel_domains);
  CHECK(read.tls_resign_domains == request.tls_resign_domains);
  CHECK(read.extra_info == "{}");
  CHECK(read.metadata.extra == request.metadata.extra);
  CHECK(read.metadata.nofile_limit == 20000);
  // Empty lists are left out.
  CHECK_FALSE(parse_json(to_json(request)).contains("deny_domains"));
}

TEST_CASE("a state has the types that strict clients ask for") {
  TunnelState state;
  state.id.value = kId;
  state.status = TunnelStatus::Running;
  state.is_ready = true;
  state.shared = true;
  state.creation_time = 1795158000;
  state.metadata.nofile_limit = 64000;
  state.metadata.extra = {{"k", "v"}};
  state.tunnel_domains = {"a"};
  state.deny_domains = {"b"};
  state.tls_passthrough_domains = {"c"};
  const json object = parse_json(to_json(state));
  CHECK(object.at("id") == kId);
  CHECK(object.at("status") == "running");
  CHECK(object.at("is_ready") == true);
  CHECK(object.at("shared") == "all");
  CHECK(object.at("shared_tunnel") == true);
  CHECK(object.at("creation_time").is_number_integer());
  CHECK(object.at("shutdown_time").is_null());
  CHECK(object.at("user_shutdown").is_null());
  CHECK(object.at("team_ids").is_array());
  CHECK(object.at("metadata").at("nofile_limit").is_number_unsigned());
  CHECK(object.at("metadata").at("extra").at("k") == "v");
  CHECK(object.at("domain_names") == object.at("tunnel_domains"));
  CHECK(object.at("fast_fail_regexps") == object.at("deny_domains"));
  CHECK(object.at("no_ssl_bump_domains") == object.at("tls_passthrough_domains"));
  state.shared = false;
  CHECK(parse_json(to_json(state)).at("shared") == "");
}

TEST_CASE("a state is read back as it was") {
  TunnelState state;
  state.id.value = kId;
  state.status = TunnelStatus::Terminated;
  state.tunnel_identifier = "n";
  state.owner = "o";
  state.host = "h:443";
  state.ip_address = "10.0.0.1";
  state.creation_time = 1;
  state.shutdown_time = 2;
  state.user_shutdown = false;
  state.shutdown_reason = "sigterm";
  state.tunnel_pool = true;
  const auto read = parse_tunnel_state(to_json(state));
  REQUIRE(read.ok());
  CHECK(read.value().id == state.id);
  CHECK(read.value().status == TunnelStatus::Terminated);
  CHECK(read.value().host == "h:443");
  CHECK(read.value().ip_address == "10.0.0.1");
  CHECK(read.value().creation_time == 1);
  CHECK_FALSE(read.value().launch_time);
  CHECK(read.value().shutdown_time == 2);
  CHECK(read.value().user_shutdown == false);
  CHECK(read.value().shutdown_reason == "sigterm");
  CHECK(read.value().tunnel_pool);
}

TEST_CASE("a client tolerates missing, null, unknown and oddly typed members") {
  const TunnelState bare = parsed_state("");
  CHECK(bare.status == TunnelStatus::Unknown);
  CHECK_FALSE(bare.is_ready);
  const TunnelState odd = parsed_state(
      R"(,"status":"hibernating","is_ready":1,"creation_time":1795158000.0,"launch_time":"17",
      "shutdown_time":-5,"owner":null,"metadata":[],"tunnel_domains":null,"domain_names":["a"],
      "new_thing":{})");
  CHECK(odd.status == TunnelStatus::Unknown);
  CHECK(odd.is_ready);
  CHECK(odd.creation_time == 1795158000);
  CHECK(odd.launch_time == 17);
  CHECK_FALSE(odd.shutdown_time);
  CHECK(odd.tunnel_domains == std::vector<std::string>{"a"});
  CHECK_FALSE(parse_tunnel_state("{}").ok());
  CHECK_FALSE(parse_tunnel_state("{\"id\":7}").ok());
  CHECK_FALSE(parse_tunnel_state("<html>").ok());
}

TEST_CASE("lists of tunnels in their forms") {
  const std::string one = "{\"id\":\"" + kId + "\",\"status\":\"running\"}";
  CHECK(parse_tunnel_list("[" + one + "," + one + "]").value().size() == 2);
  CHECK(parse_tunnel_list("{\"tunnels\":[" + one + "]}").value().size() == 1);
  CHECK(parse_tunnel_list("[]").value().empty());
  CHECK(parse_tunnel_list("null").value().empty());
  CHECK_FALSE(parse_tunnel_list("<html>504</html>").ok());
  CHECK_FALSE(parse_tunnel_list("[\"" + kId + "\"]").ok());
}

TEST_CASE("a created tunnel carries messages and its secret") {
  CreatedTunnel created;
  created.state.id.value = kId;
  created.connect_secret = Secret("c2VjcmV0");
  created.info = {"welcome"};
  const auto read = parse_created_tunnel(to_json(created));
  REQUIRE(read.ok());
  CHECK(read.value().state.id.value == kId);
  CHECK(read.value().connect_secret.reveal() == "c2VjcmV0");
  CHECK(read.value().info == std::vector<std::string>{"welcome"});
  CHECK(read.value().fatal.empty());
  // The state alone never shows the secret.
  CHECK(to_json(created.state).find("c2VjcmV0") == std::string::npos);
}

TEST_CASE("updates give the server's settings in seconds") {
  ServerUpdates updates;
  updates.job_wait_timeout = 120s;
  updates.warning = {"old client"};
  updates.regions = {{"local", "https://localhost:8443/rest/v1"}};
  const json object = parse_json(to_json(updates));
  CHECK(object.at("configuration").at("job_wait_timeout") == 120);
  CHECK(object.at("configuration").at("regions").at(0).at("name") == "local");
  CHECK(object.at("fatal").is_array());
  const auto read = parse_updates(to_json(updates));
  REQUIRE(read.ok());
  CHECK(read.value().job_wait_timeout == 120s);
  CHECK(read.value().start_timeout == 45s);
  CHECK(read.value().regions == updates.regions);
  CHECK(read.value().warning == updates.warning);
  CHECK(parse_updates("{}").value().client_status_interval == 30s);
  CHECK(parse_updates("{\"configuration\":{\"start_timeout\":1e300}}").value().start_timeout ==
        45s);
}

TEST_CASE("running jobs of a delete") {
  CHECK(parse_jobs_running("{\"result\":true,\"id\":\"x\",\"jobs_running\":3}").value() == 3);
  CHECK(parse_jobs_running("{\"result\":true,\"jobs_running\":null}").value() == 0);
  CHECK_FALSE(parse_jobs_running("<html>").ok());
}

TEST_CASE("an error is one printable sentence, whoever wrote it") {
  CHECK(error_sentence(400, "{\"error\":\"Too many active org tunnels: 6 >= 5\"}") ==
        "Too many active org tunnels: 6 >= 5");
  CHECK(error_sentence(400, "{\"error\":{\"code\":1,\"message\":\"no\"}}") == "no");
  CHECK(error_sentence(504, "<!DOCTYPE html><HTML>...") ==
        "the server answered with status 504 and an HTML page, as gateways do");
  CHECK(error_sentence(500, "") == "the server answered with status 500 and no explanation");
  CHECK(error_sentence(502, "bad\x1b[31m gateway\n") ==
        "the server answered with status 502: bad [31m gateway");
  CHECK(error_sentence(400, "{\"error\":\"" + std::string(9000, 'x') + "\"}").size() == 500);
}
