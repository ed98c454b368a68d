// The REST contract of a running sc-server, over verified TLS.
#include "tests/support/running_server.hpp"

namespace scpool::server {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

json parsed(const HttpAnswer& answer) {
  return parse_json(answer.body);
}

TEST_CASE("credentials: missing, wrong, of somebody else") {
  EventLoop loop;
  RunningServer r(loop);
  CHECK(r.call_as("GET", "/local/tunnels", "", "", "").status == 401);
  const HttpAnswer wrong = r.call_as("GET", "/local/tunnels", "", "local", "wrong");
  CHECK(wrong.status == 401);
  CHECK(parsed(wrong)["error"].is_string());
  CHECK(wrong.fields.find("www-authenticate").has_value());
  CHECK(r.call("GET", "/nobody/tunnels").status == 404);
  CHECK(r.call("GET", "/local/tunnels").status == 200);
  for (int failure = 0; failure < 10; ++failure) {
    (void)r.call_as("GET", "/local/tunnels", "", "local", "wrong");
  }
  CHECK(r.call_as("GET", "/local/tunnels", "", "local", "wrong").status == 429);
  CHECK(r.call("GET", "/local/tunnels").status == 200);
}

TEST_CASE("create, list in all its forms, get, delete") {
  EventLoop loop;
  RunningServer r(loop);
  const json made = r.create();
  const auto id = made["id"].get<std::string>();
  CHECK(id.size() == 32);
  CHECK(made["status"] == "running");
  CHECK(made["is_ready"] == false);
  CHECK(made["owner"] == "local");
  CHECK(made["messages"]["info"][0] == "Adding tunnel to pool 'pool', now running 1 instances.");
  CHECK(from_base64url(made["connect_secret"].get<std::string>())->size() == 32);

  CHECK(parsed(r.call("GET", "/local/tunnels")) == json::array({id}));
  CHECK(parsed(r.call("GET", "/local/tunnels?full=1"))[0]["id"] == id);
  CHECK(parsed(r.call("GET", "/local/tunnels?all=1"))["local"] == json::array({id}));
  CHECK(parsed(r.call("GET", "/local/tunnels?all=true&full=true"))["local"][0]["id"] == id);
  CHECK(parsed(r.call("GET", "/local/tunnels?protocol=kgp,ipsec")).empty());
  CHECK(parsed(r.call("GET", "/local/tunnels?protocol=kgp,h2c")).size() == 1);
  CHECK(r.call("GET", "/local/tunnels?full=maybe").status == 400);
  CHECK(r.call("GET", "//local/tunnels/").status == 200);
  r.create();
  CHECK(parsed(r.call("GET", "/local/tunnels?filter=one_per_pool")).size() == 1);

  CHECK(parsed(r.call("GET", "/local/tunnels/" + id))["tunnel_identifier"] == "pool");
  CHECK(parsed(r.call("GET", "/local/tunnels/" + id + "/num_jobs"))["jobs_running"] == 0);
  CHECK(parsed(r.call("POST", "/local/tunnels/" + id + "/connected", "{}"))["result"] == true);
  CHECK_FALSE(parsed(r.call("GET", "/local/tunnels/" + id)).contains("connect_secret"));

  const json ended = parsed(r.call("DELETE", "/local/tunnels/" + id + "?reason=sigterm&wait=1"));
  CHECK(ended == json({{"result", true}, {"id", id}, {"jobs_running", 0}}));
  const json state = parsed(r.call("GET", "/local/tunnels/" + id));
  CHECK(state["status"] == "terminated");
  CHECK(state["shutdown_reason"] == "sigterm");
  CHECK(state["user_shutdown"] == true);
  CHECK(r.call("DELETE", "/local/tunnels/" + id + "?wait=1").status == 200);
  CHECK(parsed(r.call("GET", "/local/all_tunnels"))["tunnels"].size() == 2);
  CHECK(parsed(r.call("GET", "/local/all_tunnels?limit=1"))["tunnels"].size() == 1);
  CHECK(r.call("GET", "/local/tunnels/0123456789abcdef0123456789abcdef").status == 404);
}

TEST_CASE("what is wrong is refused with a sentence") {
  EventLoop loop;
  RunningServer r(loop);
  const auto refused = [&r](const std::string& body) {
    const HttpAnswer answer = r.call("POST", "/local/tunnels", body);
    CHECK(answer.status == 400);
    return parsed(answer)["error"].get<std::string>();
  };
  CHECK(refused(R"({"tunnel_identifier":"a","protocol":"kgp"})").find("kgp") != std::string::npos);
  CHECK(refused(R"({"tunnel_identifier":"a","protocol":"ipsec"})").find("h2c") !=
        std::string::npos);
  CHECK_FALSE(refused("[").empty());
  CHECK_FALSE(refused(R"({"tunnel_identifier":"a\nb","protocol":"h2c"})").empty());
  for (int number = 0; number < 4; ++number) {
    r.create();
  }
  CHECK(refused(R"({"tunnel_identifier":"pool","protocol":"h2c","tunnel_pool":true})") ==
        "Too many active user tunnels: 5 >= 4");
  // Unknown fields and nulls are no problem; a tunnel without the flag ends the pool.
  const json lone = parse_json(
      r.call("POST",
             "/local/tunnels",
             R"({"tunnel_identifier":"pool","protocol":"h2c","tunnel_pool":false,"new":[1],)"
             R"("metadata":null,"direct_domains":null})")
          .body);
  CHECK(lone["messages"]["warning"].size() == 4);
  CHECK(parsed(r.call("GET", "/local/tunnels")).size() == 1);
  CHECK(r.call("PUT", "/local/tunnels", "{}").status == 405);
  CHECK(r.call("GET", "/local/nothing").status == 404);
}

TEST_CASE("updates, versions, errors, downloads") {
  EventLoop loop;
  RunningServer r(loop);
  const json updates = parsed(r.call("GET", "/local/tunnels/info/updates?region=x"));
  CHECK(updates["configuration"]["regions"].size() == 1);
  CHECK(updates["configuration"]["job_wait_timeout"] == 300);
  const HttpAnswer versions =
      r.call_as("GET", "/public/tunnels/info/versions?client_version=1", "", "", "");
  CHECK(versions.status == 200);
  CHECK(parsed(versions)["downloads"].is_object());
  CHECK(parsed(r.call_as(
            "GET", "/public/tunnels/sauce-connect/download", "", "", ""))["error"]["code"] == 404);
  CHECK(r.call("POST", "/local/errors", R"({"Info":"x"})").status == 200);
}

TEST_CASE("explicit jobs: credential, stickiness of the drain, end") {
  EventLoop loop;
  RunningServer r(loop);
  CHECK(r.call("POST", "/local/jobs", R"({"tunnel_name":"pool"})").status == 404);
  const json tunnel = r.create();
  CHECK(r.call("POST", "/local/jobs", R"({"tunnel_name":"pool"})").status == 503);
  const auto worker = r.worker(tunnel);
  const json job = parsed(r.call("POST", "/local/jobs", R"({"tunnel_name":"pool","label":"a"})"));
  CHECK(job["tunnel_id"] == tunnel["id"]);
  CHECK(job["proxy_url"].get<std::string>().starts_with("http://job-"));
  const std::string path = "/local/tunnels/" + tunnel["id"].get<std::string>();
  CHECK(parsed(r.call("GET", path + "/num_jobs"))["jobs_running"] == 1);
  CHECK(parsed(r.call("GET", "/local/jobs")).size() == 1);
  CHECK(parsed(r.call("GET", "/local/jobs"))[0]["label"] == "a");

  CHECK(parsed(r.call("DELETE", path, R"({"reason":"x","wait_for_jobs":true})"))["jobs_running"] ==
        1);
  CHECK(parsed(r.call("GET", path))["is_ready"] == false);
  CHECK(r.call("POST", "/local/jobs", R"({"tunnel_name":"pool"})").status == 503);
  const std::string job_path = "/local/jobs/" + job["id"].get<std::string>();
  CHECK(r.call("DELETE", job_path).status == 200);
  CHECK(r.call("DELETE", job_path).status == 404);
  CHECK(parsed(r.call("GET", path))["status"] == "terminated");
  REQUIRE(run_until(loop, [&] { return worker->failure.has_value(); }));
  bool told = false;
  for (const ControlMessage& message : worker->controls) {
    told = told || std::holds_alternative<control::Delete>(message);
  }
  CHECK(told);
}

TEST_CASE("the handshake: proofs, epochs, deleted and unknown tunnels") {
  EventLoop loop;
  RunningServer r(loop);
  const json tunnel = r.create();
  const auto worker = r.worker(tunnel);
  const auto status_of = [&](const ScriptedWorker::Place& place) {
    ScriptedWorker one(loop, place);
    run_until(loop, [&] { return one.status != 0 || one.failure.has_value(); });
    return one.status;
  };
  ScriptedWorker::Place place = r.place(tunnel);
  CHECK(status_of(place) == 409);  // the same epoch again
  ScriptedWorker::Place wrong = place;
  wrong.secret[0] ^= 1;
  wrong.epoch = 2;
  CHECK(status_of(wrong) == 401);
  ScriptedWorker::Place unknown = place;
  unknown.tunnel = TunnelId{std::string(32, '0')};
  CHECK(status_of(unknown) == 404);
  CHECK_FALSE(worker->failure.has_value());

  place.epoch = 7;  // a newer one takes its place
  ScriptedWorker newer(loop, place);
  REQUIRE(run_until(loop, [&] { return newer.ready && worker->failure.has_value(); }));
  CHECK(r.call("DELETE", "/local/tunnels/" + place.tunnel.value + "?wait=0").status == 200);
  place.epoch = 8;
  CHECK(status_of(place) == 410);
}

TEST_CASE("a restart keeps accounts, tunnels, history and jobs") {
  EventLoop loop;
  RunningServer r(loop);
  const json tunnel = r.create();
  const json old = r.create("gone");
  (void)r.call("DELETE", "/local/tunnels/" + old["id"].get<std::string>());
  {
    const auto worker = r.worker(tunnel);
    CHECK(r.call("POST", "/local/jobs", R"({"tunnel_name":"pool"})").status == 200);
  }
  r.server.reset();
  r.start();
  const std::string path = "/local/tunnels/" + tunnel["id"].get<std::string>();
  CHECK(parsed(r.call("GET", path))["is_ready"] == false);
  CHECK(parsed(r.call("GET", path + "/num_jobs"))["jobs_running"] == 1);
  CHECK(parsed(r.call("GET", "/local/tunnels/" + old["id"].get<std::string>()))["status"] ==
        "terminated");
  // The worker comes back under its id with its secret.
  const auto worker = r.worker(tunnel);
  CHECK(parsed(r.call("GET", path))["is_ready"] == true);
}

TEST_CASE("the page and the probes") {
  EventLoop loop;
  RunningServer r(loop);
  const json tunnel = r.create("a<b");
  HttpCall page;
  page.url = "https://" + r.server->tls_endpoint().text() + "/";
  page.ca_files = {r.ca_file};
  CHECK(r.perform(page).status == 401);
  page.user = "local";
  page.password = Secret(r.key);
  const HttpAnswer shown = r.perform(page);
  CHECK(shown.status == 200);
  CHECK(shown.body.find("a&lt;b") != std::string::npos);
  CHECK(shown.body.find(tunnel["id"].get<std::string>()) != std::string::npos);

  HttpCall probe;
  const auto admin = r.facts["admin_url"].get<std::string>();
  for (const std::string path : {"/healthz", "/readyz", "/version"}) {
    probe.url = admin + path;
    CHECK(r.perform(probe).status == 200);
  }
  probe.url = admin + "/metrics";
  const std::string metrics = r.perform(probe).body;
  CHECK(metrics.find("tunnel_server_tunnels{state=\"booting\"} 1") != std::string::npos);
  CHECK(metrics.find("tunnel_server_build_info") != std::string::npos);
}

}  // namespace
}  // namespace scpool::server
