#include "supervisor/core/worker_kind_tables.hpp"

#include <initializer_list>

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

// Signal numbers of Linux on every architecture we run on; this folder includes no signal.h.
constexpr int kHangUp = 1;
constexpr int kInterrupt = 2;
constexpr int kTerminate = 15;

// The vendor's clients wait for jobs this long and no longer; no flag changes it.
constexpr Duration kVendorDrain = 300s;

// What the server, the system and every client say in the same words.
std::vector<ExitRule> common_exit_rules() {
  return {
      {std::nullopt, "too many active", ExitCause::Quota},
      {std::nullopt, "tunnel limit", ExitCause::Quota},
      {std::nullopt, "401", ExitCause::Credentials},
      {std::nullopt, "unauthorized", ExitCause::Credentials},
      {std::nullopt, "credentials", ExitCause::Credentials},
      {std::nullopt, "access key", ExitCause::Credentials},
      {std::nullopt, "tunnel pool", ExitCause::NameCollision},
      {std::nullopt, "colliding", ExitCause::NameCollision},
      {std::nullopt, "address already in use", ExitCause::Port},
      {std::nullopt, "address in use", ExitCause::Port},
      {std::nullopt, "too many open files", ExitCause::Resources},
      {std::nullopt, "no space left", ExitCause::Resources},
      {std::nullopt, "cannot allocate memory", ExitCause::OutOfMemory},
      {std::nullopt, "out of memory", ExitCause::OutOfMemory},
      {std::nullopt, "check failed", ExitCause::Crash},
      {std::nullopt, "could not resolve", ExitCause::Network},
      {std::nullopt, "no such host", ExitCause::Network},
      {std::nullopt, "connection refused", ExitCause::Network},
      {std::nullopt, "connection reset", ExitCause::Network},
      {std::nullopt, "network is unreachable", ExitCause::Network},
      {std::nullopt, "no route to host", ExitCause::Network},
      {std::nullopt, "timed out", ExitCause::Network},
      {std::nullopt, "not reachable", ExitCause::Network},
      {std::nullopt, "certificate", ExitCause::Network},
      {std::nullopt, "gateway time", ExitCause::Network},
      {std::nullopt, "bad gateway", ExitCause::Network},
      {std::nullopt, "service unavailable", ExitCause::Network},
  };
}

// Phrases first: the status of these programs tells less than their words.
std::vector<ExitRule> exit_rules(std::initializer_list<ExitRule> own) {
  std::vector<ExitRule> rules = common_exit_rules();
  rules.insert(rules.end(), own.begin(), own.end());
  rules.push_back({127, "", ExitCause::Configuration});
  rules.push_back({126, "", ExitCause::Configuration});
  rules.push_back({0, "", ExitCause::Unasked});
  rules.push_back({std::nullopt, "", ExitCause::Unknown});
  return rules;
}

WorkerKind our_kind() {
  WorkerKind kind;
  kind.name = "sc-worker";
  kind.program = "sc-worker";
  kind.arguments = {{{"run"}, ""},
                    {{"--tunnel-name", "{tunnel_name}"}, ""},
                    {{"--tunnel-pool"}, ""},
                    {{"--region", "{region}"}, ""},
                    {{"--rest-url", "{rest_url}"}, ""},
                    {{"--cacert-file", "{ca_file}"}, ""},
                    {{"--api-address", "{api_address}"}, ""},
                    {{"--log-file", "{log_file}"}, ""},
                    {{"--proxy-localhost", "{proxy_localhost}"}, ""},
                    {{"--log-level", "{log_level}"}, ""},
                    {{"--log-format", "{log_format}"}, ""},
                    {{"--pidfile", "{pid_file}"}, ""},
                    {{"--metadata", "{metadata}"}, ""},
                    {{"--supervisor-socket", "{supervisor_socket}"}, ""},
                    {{"--orphan-grace", "{orphan_grace}"}, ""}};
  kind.environment = {{"SAUCE_USERNAME", "{user}"}, {"SAUCE_ACCESS_KEY", "{access_key}"}};
  kind.secret_flags = {"--access-key", "-k", "--auth", "-a"};
  kind.ready_path = "/readyz";
  kind.health_path = "/healthz";
  kind.info_path = "/info";
  kind.tunnel_key = "tunnel_id";
  kind.metrics_path = "/metrics";
  kind.streams_metric = "sauce_connect_streams_active";
  kind.jobs_metric = "sauce_connect_jobs_running";
  kind.connections_metric = "sauce_connect_tunnel_connections_active";
  kind.drain_signal = kTerminate;
  kind.stop_signal = kInterrupt;
  kind.reopen_signal = kHangUp;
  kind.fatal_phrase = "fatal error exiting";
  kind.exit_rules = exit_rules({{2, "", ExitCause::Configuration}});
  return kind;
}

// Sauce Connect 5: Go, one command line since 5.0. Every error ends it with 1.
WorkerKind sauce_connect_5() {
  WorkerKind kind;
  kind.name = "sauce-connect-5";
  kind.since = {5, 1, 2};
  kind.program = "sc";
  kind.version_arguments = {"version"};
  kind.arguments = {{{"run"}, ""},
                    {{"--tunnel-name", "{tunnel_name}"}, ""},
                    {{"--tunnel-pool"}, ""},
                    {{"--region", "{region}"}, ""},
                    {{"--rest-url", "{own_rest_url}"}, ""},
                    {{"--cacert-file", "{ca_file}"}, ""},
                    {{"--api-address", "{api_address}"}, ""},
                    {{"--log-file", "{log_file}"}, ""},
                    {{"--proxy-localhost", "{proxy_localhost}"}, ""},
                    {{"--log-level", "{log_level}"}, ""},
                    {{"--log-format", "{log_format}"}, ""},
                    {{"--metadata", "{metadata}"}, ""}};
  // Inside a container it would also listen on /tmp/sc.sock, the same for every worker.
  kind.environment = {
      {"SAUCE_USERNAME", "{user}"}, {"SAUCE_ACCESS_KEY", "{access_key}"}, {"PLATFORM", ""}};
  kind.secret_flags = {"--access-key", "-k", "--auth", "-a", "--api-basic-auth"};
  kind.needs_cloud = true;
  kind.writes_pid_file = false;
  kind.drain_limit = kVendorDrain;
  kind.api = ApiTransport::Loopback;
  kind.ready_path = "/readyz";
  kind.health_path = "/healthz";
  kind.info_path = "/info";
  kind.tunnel_key = "tunnel_id";
  kind.metrics_path = "/metrics";
  kind.streams_metric = "sauce_connect_http_requests_in_flight";
  kind.drain_signal = kTerminate;
  kind.stop_signal = kInterrupt;
  kind.reopen_signal = kHangUp;
  kind.fatal_phrase = "fatal error exiting";
  kind.exit_rules = exit_rules({{std::nullopt, "unknown flag", ExitCause::Configuration},
                                {std::nullopt, "unknown command", ExitCause::Configuration},
                                {std::nullopt, "required flag", ExitCause::Configuration},
                                {std::nullopt, "invalid argument", ExitCause::Configuration},
                                {std::nullopt, "terminated by user request", ExitCause::Unasked}});
  return kind;
}

// Before 5.1.2 SIGHUP ended it instead of reopening its log.
WorkerKind sauce_connect_5_0() {
  WorkerKind kind = sauce_connect_5();
  kind.since = {5, 0, 0};
  kind.reopen_signal = 0;
  return kind;
}

// What all of Sauce Connect 4 understands. The flags in `own` are those of one range of versions.
WorkerKind sauce_connect_4(ProgramVersion since, std::initializer_list<WordGroup> own) {
  WorkerKind kind;
  kind.name = "sauce-connect-4";
  kind.since = since;
  kind.program = "sc";
  kind.version_arguments = {"--version"};
  kind.arguments.assign(own.begin(), own.end());
  const std::initializer_list<WordGroup> common = {{{"-i", "{tunnel_name}"}, ""},
                                                   {{"--logfile", "{log_file}"}, ""},
                                                   {{"--max-logsize", "{log_size}"}, ""},
                                                   {{"--pidfile", "{pid_file}"}, ""},
                                                   {{"--readyfile", "{ready_file}"}, ""},
                                                   {{"--se-port", "0"}, ""},
                                                   {{"--cainfo", "{ca_file}"}, ""},
                                                   {{"--tunnel-cainfo", "{ca_file}"}, ""},
                                                   {{"--verbose"}, "log_level=debug"}};
  kind.arguments.insert(kind.arguments.end(), common.begin(), common.end());
  kind.environment = {{"SAUCE_USERNAME", "{user}"}, {"SAUCE_ACCESS_KEY", "{access_key}"}};
  kind.secret_flags = {
      "--api-key", "-k", "--auth", "-a", "--pac-auth", "--proxy-userpwd", "-w", "--proxy", "-p"};
  kind.needs_cloud = true;
  kind.drain_limit = kVendorDrain;
  kind.readiness = ReadinessSource::ReadyFile;
  kind.tunnel_phrase = "Tunnel ID: ";
  kind.drain_signal = kTerminate;
  kind.stop_signal = kInterrupt;
  kind.exit_rules = exit_rules({{std::nullopt, "error creating pidfile", ExitCause::Port},
                                {std::nullopt, "unknown flag", ExitCause::Configuration},
                                {std::nullopt, "unrecognized option", ExitCause::Configuration},
                                {8, "", ExitCause::Unasked}});
  return kind;
}

// The status server came with 4.8; before, a ready file tells.
WorkerKind sauce_connect_4_8() {
  WorkerKind kind = sauce_connect_4({4, 8, 0},
                                    {{{"--tunnel-pool"}, ""},
                                     {{"--region", "{region}"}, ""},
                                     {{"--rest-url", "{own_rest_url}"}, ""},
                                     {{"--status-address", "{api_address}"}, ""},
                                     {{"--metadata", "{metadata_pair}"}, ""},
                                     {{"--output-format", "text"}, ""},
                                     {{"--proxy-localhost"}, "proxy_localhost=allow"}});
  kind.readiness = ReadinessSource::LocalApi;
  kind.api = ApiTransport::Loopback;
  kind.ready_path = "/readiness";
  kind.info_path = "/api/v1/status";
  kind.tunnel_key = "tunnelID";
  return kind;
}

// Each version's own metrics port would be the same for every worker: 0 lets the system choose.
WorkerKind sauce_connect_4_7() {
  return sauce_connect_4({4, 7, 0},
                         {{{"--tunnel-pool"}, ""},
                          {{"--region", "{region}"}, ""},
                          {{"--rest-url", "{own_rest_url}"}, ""},
                          {{"--metrics-address", "localhost:0"}, ""},
                          {{"--proxy-localhost"}, "proxy_localhost=allow"}});
}

WorkerKind sauce_connect_4_6() {
  return sauce_connect_4({4, 6, 0},
                         {{{"--no-remove-colliding-tunnels"}, ""},
                          {{"--rest-url", "{rest_url}"}, ""},
                          {{"--metrics-address", "localhost:0"}, ""}});
}

WorkerKind sauce_connect_4_3_13() {
  return sauce_connect_4(
      {4, 3, 13}, {{{"--no-remove-colliding-tunnels"}, ""}, {{"--rest-url", "{rest_url}"}, ""}});
}

// Waiting for jobs had to be asked for.
WorkerKind sauce_connect_4_3() {
  return sauce_connect_4({4, 3, 0},
                         {{{"--no-remove-colliding-tunnels"}, ""},
                          {{"--wait-tunnel-shutdown"}, ""},
                          {{"--rest-url", "{rest_url}"}, ""}});
}

}  // namespace

const std::vector<WorkerKind>& worker_kind_tables() {
  static const std::vector<WorkerKind> all = {our_kind(),
                                              sauce_connect_5(),
                                              sauce_connect_5_0(),
                                              sauce_connect_4_8(),
                                              sauce_connect_4_7(),
                                              sauce_connect_4_6(),
                                              sauce_connect_4_3_13(),
                                              sauce_connect_4_3()};
  return all;
}

}  // namespace scpool::supervisor
