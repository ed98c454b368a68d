#include "supervisor/core/checkup.hpp"

#include <doctest/doctest.h>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

WorkerId worker(std::uint32_t slot, std::uint64_t generation) {
  return {SlotIndex{slot}, Generation{generation}};
}

ListedTunnel listed(const char* id, std::optional<WorkerId> of) {
  ListedTunnel tunnel;
  tunnel.id = TunnelId{id};
  tunnel.worker = of;
  return tunnel;
}

bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a configuration's first problem is told, and how many there are") {
  ConfigFinding finding;
  finding.file = "/etc/sc-pool/shop.toml";
  finding.pool = "shop";
  finding.size = 1;
  CHECK(judge_config(finding).finding == "/etc/sc-pool/shop.toml: pool shop, 1 worker");
  finding.problems = {"shop.toml:2: unknown key 'pool.sise'", "shop.toml:3: wrong"};
  const Check check = judge_config(finding);
  CHECK(check.verdict == Verdict::Failed);
  CHECK(check.finding == "shop.toml:2: unknown key 'pool.sise' (and 1 more)");
  CHECK(says(check.mend, "config check --config /etc/sc-pool/shop.toml"));
}

TEST_CASE("no supervisor is no fault, a pool below strength is one") {
  CHECK(judge_supervisor(std::nullopt).verdict == Verdict::Skipped);
  RunningPool pool;
  pool.name = "shop";
  pool.size = 3;
  pool.ready = 3;
  CHECK(judge_supervisor(pool).verdict == Verdict::Passed);
  pool.ready = 2;
  CHECK(judge_supervisor(pool).verdict == Verdict::Failed);
  CHECK(says(judge_supervisor(pool).mend, "sc-pool explain SLOT --pool shop"));
}

TEST_CASE("a directory fails for what keeps files out of it, and when it is full") {
  DirectoryFinding finding{
      "log directory", "log.directory", "/logs", true, "", std::uint64_t{1} << 40U};
  CHECK(judge_directory(finding).verdict == Verdict::Passed);
  finding.free_bytes = 4096;
  CHECK(judge_directory(finding).verdict == Verdict::Failed);
  finding.problem = "cannot write in /logs: Read-only file system";
  CHECK(judge_directory(finding).finding == finding.problem);
  CHECK(says(judge_directory(finding).mend, "log.directory"));
}

TEST_CASE("the lowest limit of open files decides") {
  FileLimitFinding finding;
  CHECK(judge_file_limits(finding).verdict == Verdict::Skipped);
  finding.highest = 4096;
  finding.limits = {{"the supervisor", 4096}, {"worker 0.1", 1024}};
  CHECK(judge_file_limits(finding).verdict == Verdict::Passed);
  finding.limits.push_back({"worker 1.2", 256});
  CHECK(judge_file_limits(finding).verdict == Verdict::Failed);
  CHECK(says(judge_file_limits(finding).finding, "worker 1.2 may open 256"));
  finding.wished = 8192;
  CHECK(says(judge_file_limits(finding).finding, "worker.open_files is 8192"));
}

TEST_CASE("the API's address is free, ours or somebody else's") {
  using State = ApiAddressFinding::State;
  ApiAddressFinding finding;
  CHECK(judge_api_address(finding).verdict == Verdict::Skipped);
  for (const auto& [state, verdict] : {std::pair{State::Free, Verdict::Passed},
                                       std::pair{State::Ours, Verdict::Passed},
                                       std::pair{State::Silent, Verdict::Failed},
                                       std::pair{State::Taken, Verdict::Failed}}) {
    finding.state = state;
    CHECK(judge_api_address(finding).verdict == verdict);
    CHECK(judge_api_address(finding).mend.empty() == (verdict == Verdict::Passed));
  }
}

TEST_CASE("tunnels: ours without a living worker leaked, younger ones are not known to be dead") {
  TunnelsFinding finding;
  finding.next_generation = Generation{5};
  finding.living = {worker(0, 3)};
  CHECK(says(judge_tunnels(finding).finding, "none of our name"));
  finding.tunnels = {listed("a", worker(0, 3)), listed("b", worker(1, 5))};
  CHECK(judge_tunnels(finding).verdict == Verdict::Passed);
  finding.tunnels.push_back(listed("c", worker(1, 2)));
  CHECK(judge_tunnels(finding).finding == "1 tunnel of ours without a living worker: c");
  finding.tunnels.back().ended = true;
  CHECK(judge_tunnels(finding).verdict == Verdict::Passed);
}

TEST_CASE("tunnels: foreign ones in the pool are mates, without the pool flag they collide") {
  TunnelsFinding finding;
  finding.tunnels = {listed("mate", std::nullopt)};
  CHECK(judge_tunnels(finding).verdict == Verdict::Passed);
  for (const char* id : {"p", "q", "r", "s"}) {
    finding.tunnels.push_back(listed(id, std::nullopt));
    finding.tunnels.back().pool_flag = false;
  }
  const Check check = judge_tunnels(finding);
  CHECK(check.verdict == Verdict::Failed);
  CHECK(check.finding == "4 tunnels of our name without the pool flag: p, q, r and 1 more");
}

TEST_CASE("a request must bring the page back whole") {
  RequestFinding finding;
  finding.worker = worker(2, 7);
  finding.status = 200;
  finding.took = 12ms;
  CHECK(judge_request(finding).verdict == Verdict::Failed);
  finding.page_came_whole = true;
  CHECK(judge_request(finding).verdict == Verdict::Passed);
  CHECK(judge_request(finding).name == "worker 2.7");
  finding.status = 502;
  finding.proxy_status = "sc-worker; error=connection_refused";
  CHECK(says(judge_request(finding).finding, "502 (sc-worker; error=connection_refused)"));
  finding.failure = Error(ErrorKind::TimedOut, "no complete answer within 10s");
  CHECK(says(judge_request(finding).finding, "within 10s"));
  CHECK(says(judge_request(finding).mend, "sc-pool drain 2"));
}

TEST_CASE("a worker that denies sites on this machine has answered") {
  RequestFinding finding;
  finding.status = 403;
  CHECK(judge_request(finding).verdict == Verdict::Failed);
  finding.proxy_status = "sc-worker; error=destination_ip_prohibited";
  CHECK(judge_request(finding).verdict == Verdict::Passed);
}

TEST_CASE("JSON holds every check, and null where there is nothing to mend") {
  const std::vector<Check> checks = {skipped("dns", "an address"),
                                     {"clock", Verdict::Failed, "2m ahead", "set it"}};
  const auto root = parse_json(checks_json("shop", checks));
  CHECK(root["pool"] == "shop");
  CHECK(root["ok"] == false);
  CHECK(root["checks"][0]["state"] == "skipped");
  CHECK(root["checks"][0]["mend"].is_null());
  CHECK(root["checks"][1]["mend"] == "set it");
  CHECK_FALSE(any_failed({checks.front()}));
}

TEST_CASE("the worker's program: there, of a version that fits, or with the mend") {
  const Check ours = judge_program(ProgramCheck{"/usr/bin/sc-worker", "", false, "sc-worker"});
  CHECK(ours.verdict == Verdict::Passed);
  const Check known = judge_program(ProgramCheck{"/opt/sc", "5.2.1", true, "sauce-connect-5"});
  CHECK(known.verdict == Verdict::Passed);
  CHECK(known.finding == "/opt/sc, version 5.2.1");
  const Check silent = judge_program(ProgramCheck{"/opt/sc", "", true, "sauce-connect-5"});
  CHECK(silent.verdict == Verdict::Failed);
  CHECK(silent.mend.find("worker.kind") != std::string::npos);
  const Check missing = judge_program(Error(ErrorKind::NotFound, "sc: not in PATH"));
  CHECK(missing.mend.find("worker.program") != std::string::npos);
  const Check old = judge_program(Error(ErrorKind::Invalid, "it is version 4.2.0, too old"));
  CHECK(old.mend.find("install the version") != std::string::npos);
}

}  // namespace scpool::supervisor
