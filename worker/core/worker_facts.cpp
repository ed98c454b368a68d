#include "worker/core/worker_facts.hpp"

#include "common/base/json.hpp"
#include "common/base/text.hpp"

namespace scpool::worker {

namespace {

using Json = nlohmann::ordered_json;

// Invalid UTF-8 (a tunnel name from the environment) is replaced, never thrown about.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

#if defined(__x86_64__)
constexpr const char* kArchitecture = "x86_64";
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "aarch64";
#else
constexpr const char* kArchitecture = "unknown";
#endif

#define SCPOOL_TEXT_OF(x) #x
#define SCPOOL_NUMBER_TEXT(x) SCPOOL_TEXT_OF(x)
constexpr const char* kCompiler =
    "g++ " SCPOOL_NUMBER_TEXT(__GNUC__) "." SCPOOL_NUMBER_TEXT(__GNUC_MINOR__);

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Json connection_json(std::size_t index, const ConnectionSnapshot& connection) {
  Json entry = {{"conn", index},
                {"state", std::string(to_text(connection.state))},
                {"reconnects", connection.reconnects}};
  if (connection.canary_age) {
    entry["canary_age_seconds"] = seconds(*connection.canary_age);
  }
  if (connection.retry_in) {
    entry["retry_in_seconds"] = seconds(*connection.retry_in);
  }
  if (!connection.last_error.empty()) {
    entry["last_error"] = connection.last_error;
  }
  return entry;
}

// "2026-11-20 07:00:00", as the ready file of the fourth generation has it (UTC).
std::string plain_time(WallTime time) {
  std::string text = rfc3339(time).substr(0, 19);
  text[10] = ' ';
  return text;
}

}  // namespace

std::string info_json(const WorkerFacts& facts) {
  Json info = {{"tunnel_id", facts.tunnel_id},
               {"tunnel_name", facts.tunnel_name},
               {"tunnel_server", facts.tunnel_server},
               {"tunnel_host", facts.tunnel_host},
               {"state", std::string(to_text(facts.state))},
               {"ready", facts.ready},
               {"jobs_running", facts.jobs_running},
               {"active_streams", facts.active_streams},
               {"connections", Json::array()}};
  for (std::size_t index = 0; index < facts.connections.size(); ++index) {
    info["connections"].push_back(connection_json(index, facts.connections[index]));
  }
  return text_of(info);
}

std::string status_json(const WorkerFacts& facts) {
  Json status = {{"firstConnectedTime", nullptr},
                 {"tunnelID", facts.tunnel_id},
                 {"tunnelName", facts.tunnel_name},
                 {"tunnelServer", facts.tunnel_server},
                 {"lastStatusChange", unix_seconds(facts.last_change)},
                 {"reconnectCount", facts.reconnects},
                 {"tunnelStatus", facts.connected ? "connected" : "disconnected"}};
  if (facts.first_connected) {
    status["firstConnectedTime"] = unix_seconds(*facts.first_connected);
  }
  return text_of(status);
}

std::string ready_file_json(const WorkerFacts& facts) {
  // scProxyPort: the built-in proxy of the fourth generation; there is none here.
  const Json ready = {
      {"firstConnectedTime", facts.first_connected ? plain_time(*facts.first_connected) : ""},
      {"scProxyPort", 0},
      {"tunnelID", facts.tunnel_id},
      {"tunnelName", facts.tunnel_name},
      {"tunnelServer", facts.tunnel_server}};
  return text_of(ready) + "\n";
}

std::string version_json() {
  return text_of(Json{{"version", SCPOOL_VERSION},
                      {"time", SCPOOL_COMMIT_TIME},
                      {"commit", SCPOOL_COMMIT},
                      {"arch", kArchitecture},
                      {"os", "linux"},
                      {"compiler", kCompiler}});
}

std::string version_text() {
  std::string text;
  text += "Version: " SCPOOL_VERSION "\n";
  text += "Commit time: " SCPOOL_COMMIT_TIME "\n";
  text += "Git commit: " SCPOOL_COMMIT "\n";
  text += std::string("Arch: ") + kArchitecture + "\n";
  text += "OS: linux\n";
  text += std::string("Compiler: ") + kCompiler + "\n";
  return text;
}

}  // namespace scpool::worker
