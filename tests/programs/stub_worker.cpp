// A program that looks like sc-worker to a supervisor and misbehaves on request, for tests of the
// supervisor. It knows nothing of tunnels: no REST, no TLS, one thread, one poll loop.
//
//   stub_worker run --api-address unix:PATH|HOST:PORT|:PORT [--log-file F] [--pidfile F]
//                   [--readyfile F] [--tunnel-name NAME] [any other flag, ignored]
//   stub_worker version
//
// Flags may be given as SAUCE_... variables too. What it does wrong, by environment (milliseconds
// count from the start, if not said otherwise):
//   STUB_READY_AFTER_MS=N    ready after N (default: at once)
//   STUB_NEVER_READY=1       lives, its API answers, never ready
//   STUB_UNREADY_AFTER_MS=N  ready at first, not ready any more from N on
//   STUB_UNREADY_IN=D        not ready while the file D/<its pid> exists
//   STUB_HANG_AFTER_MS=N     from N on accepts connections and answers none
//   STUB_CRASH_AFTER_MS=N    SIGABRT at N (STUB_CRASH_SIGNAL=11 for another signal)
//   STUB_EXIT_AFTER_MS=N     exits at N with STUB_EXIT_CODE (1) and STUB_EXIT_TEXT on stderr
//   STUB_EXIT_CLASS=C        at once, as sc-worker ends for C: credentials, quota, configuration,
//                            port, network, remote, server (STUB_EXIT_AFTER_MS delays it)
//   STUB_IGNORE_TERM=1       SIGTERM, SIGINT and SIGQUIT do nothing
//   STUB_DRAIN_MS=N          after the first signal not ready for N, then exit 0; a second ends it
//   STUB_JOBS=N              jobs_running while it drains, as /readyz tells
//   STUB_START_DELAY_MS=N    the API appears only after N
//   STUB_TUNNEL_ID=HEX       the tunnel id; random otherwise
// What it tells a bench: stub_report.hpp.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/programs/stub_listener.hpp"
#include "tests/programs/stub_report.hpp"

namespace {

using SteadyClock = std::chrono::steady_clock;

volatile std::sig_atomic_t stop_signals = 0;
volatile std::sig_atomic_t hangups = 0;

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::optional<long> number(const std::string& name) {
  const std::string value = environment(name);
  return value.empty() ? std::nullopt
                       : std::optional<long>(std::strtol(value.c_str(), nullptr, 10));
}

// Long flags as "--name value" or "--name=value"; a bare one is "true".
std::map<std::string, std::string> read_flags(int count, char** arguments) {
  std::map<std::string, std::string> flags;
  for (int index = 1; index < count; ++index) {
    std::string word = arguments[index];
    if (word.rfind("--", 0) != 0) {
      continue;
    }
    word.erase(0, 2);
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) {
      flags[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (index + 1 < count && std::strncmp(arguments[index + 1], "--", 2) != 0) {
      flags[word] = arguments[++index];
    } else {
      flags[word] = "true";
    }
  }
  return flags;
}

struct ExitClass {
  const char* name;
  int code;
  const char* text;
};

// The sentences sc-worker ends with (worker/core/exit_cause).
constexpr ExitClass kExitClasses[] = {
    {"credentials",
     1,
     "fatal error exiting: credentials refused: the server does not accept the access key of user "
     "\"stub\"; check --username and --access-key"},
    {"quota", 1, "fatal error exiting: create tunnel: Too many active org tunnels: 6 >= 5"},
    {"configuration",
     2,
     "sc-worker: tunnel-name is missing: give --tunnel-name, SAUCE_TUNNEL_NAME or tunnel-name in "
     "the configuration file"},
    {"port",
     1,
     "fatal error exiting: local API: listen on 127.0.0.1:8032: Address already in use, held by "
     "other (pid 4711)"},
    {"network",
     1,
     "fatal error exiting: server not reachable: https://127.0.0.1:1/rest/v1: Connection refused"},
    {"remote",
     1,
     "fatal error exiting: tunnel terminated remotely: another tunnel with this name was started "
     "without the pool flag"},
    {"server", 1, "fatal error exiting: create tunnel: 500 internal server error"},
};

std::string process_start_time() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string word;
  for (int field = 3; field <= 22; ++field) {
    rest >> word;
  }
  return word;
}

std::string random_tunnel_id() {
  std::random_device source;
  std::ostringstream text;
  for (int part = 0; part < 4; ++part) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", source());
    text << digits;
  }
  return text.str();
}

class StubWorker {
 public:
  explicit StubWorker(std::map<std::string, std::string> flags) : flags_(std::move(flags)) {}

  int run();

 private:
  std::string flag(const std::string& name) const;
  bool after(const char* variable) const;
  bool ready() const;
  void log(const std::string& line);
  void write_pidfile() const;
  void remove_files() const;
  void note_ready();
  bool open_api();
  void serve_one();
  std::string answer(const std::string& path) const;
  std::optional<int> exit_due();
  std::optional<int> stop_due();

  std::map<std::string, std::string> flags_;
  SteadyClock::time_point started_ = SteadyClock::now();
  std::optional<SteadyClock::time_point> stopping_;
  std::string tunnel_id_;
  int listener_ = -1;
  std::vector<int> unanswered_;  // connections of a hung stub
  bool said_ready_ = false;
};

std::string StubWorker::flag(const std::string& name) const {
  const auto found = flags_.find(name);
  if (found != flags_.end()) {
    return found->second;
  }
  std::string variable = "SAUCE_";
  for (const char letter : name) {
    variable += letter == '-' ? '_' : static_cast<char>(letter - 'a' + 'A');
  }
  return environment(variable);
}

bool StubWorker::after(const char* variable) const {
  const std::optional<long> delay = number(variable);
  return delay && SteadyClock::now() - started_ >= std::chrono::milliseconds{*delay};
}

bool StubWorker::ready() const {
  const std::string told_not = environment("STUB_UNREADY_IN") + "/" + std::to_string(getpid());
  return environment("STUB_NEVER_READY").empty() && !stopping_ && !after("STUB_UNREADY_AFTER_MS") &&
         access(told_not.c_str(), F_OK) != 0 &&
         (!number("STUB_READY_AFTER_MS") || after("STUB_READY_AFTER_MS"));
}

void StubWorker::log(const std::string& line) {
  const std::string file = flag("log-file");
  if (file.empty()) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    return;
  }
  std::ofstream(file, std::ios::app) << line << '\n';
}

void StubWorker::write_pidfile() const {
  const std::string file = flag("pidfile");
  if (!file.empty()) {
    std::ofstream(file) << getpid() << ' ' << process_start_time() << '\n';
  }
}

void StubWorker::remove_files() const {
  for (const char* name : {"pidfile", "readyfile"}) {
    if (!flag(name).empty()) {
      unlink(flag(name).c_str());
    }
  }
  const std::string address = flag("api-address");
  if (address.rfind("unix:", 0) == 0 && listener_ >= 0) {
    unlink(address.substr(5).c_str());
  }
}

void StubWorker::note_ready() {
  if (said_ready_ || !ready()) {
    return;
  }
  said_ready_ = true;
  report_ready();
  log("[control] [INFO] Sauce Connect is up, you may start your tests");
  if (!flag("readyfile").empty()) {
    std::ofstream(flag("readyfile")) << R"({"tunnelID":")" << tunnel_id_ << "\"}\n";
  }
}

bool StubWorker::open_api() {
  const std::string address = flag("api-address");
  if (address.empty() || listener_ >= 0 ||
      (number("STUB_START_DELAY_MS") && !after("STUB_START_DELAY_MS"))) {
    return true;
  }
  listener_ = open_stub_listener(address);
  return listener_ >= 0;
}

std::string StubWorker::answer(const std::string& path) const {
  const bool is_ready = ready();
  int status = 200;
  std::string body = "OK";
  if (path == "/readyz" || path == "/readiness" || path == "/healthz") {
    status = is_ready ? 200 : 503;
    body = is_ready ? "OK" : "Service Unavailable";
  } else if (path == "/info") {
    body = R"({"tunnel_id":")" + tunnel_id_ + R"(","tunnel_name":")" + flag("tunnel-name") +
           R"(","tunnel_server":"127.0.0.1:443","tunnel_host":"stub"})";
  } else if (path == "/api/v1/status") {
    body = R"({"tunnelID":")" + tunnel_id_ + R"(","tunnelStatus":")" +
           (is_ready ? "connected" : "disconnected") + R"(","reconnectCount":0})";
  } else if (path == "/metrics") {
    body =
        "# TYPE sauce_connect_streams_active gauge\nsauce_connect_streams_active 0\n"
        "# TYPE sauce_connect_jobs_running gauge\nsauce_connect_jobs_running " +
        std::to_string(number("STUB_JOBS").value_or(0)) + "\n";
  } else if (path == "/version") {
    body = R"({"version":"0.1.0"})";
  } else if (path != "/liveness") {
    status = 404;
    body = "Not Found";
  }
  return "HTTP/1.1 " + std::to_string(status) + (status == 200 ? " OK" : " Service Unavailable") +
         "\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

void StubWorker::serve_one() {
  const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection < 0) {
    return;
  }
  if (after("STUB_HANG_AFTER_MS")) {
    unanswered_.push_back(connection);
    return;
  }
  // A probe sends its head at once; two seconds bound a peer that does not.
  const timeval limit{2, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string head;
  char buffer[4096];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = read(connection, buffer, sizeof buffer);
    if (count <= 0) {
      close(connection);
      return;
    }
    head.append(buffer, static_cast<std::size_t>(count));
  }
  const std::size_t begin = head.find(' ') + 1;
  const std::string text = answer(head.substr(begin, head.find(' ', begin) - begin));
  (void)!write(connection, text.data(), text.size());
  close(connection);
}

// How it ends by itself, if now is the time.
std::optional<int> StubWorker::exit_due() {
  if (after("STUB_CRASH_AFTER_MS")) {
    const int signal_number = static_cast<int>(number("STUB_CRASH_SIGNAL").value_or(SIGABRT));
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
  const bool exit_now = number("STUB_EXIT_AFTER_MS") ? after("STUB_EXIT_AFTER_MS") : true;
  const std::string wanted = environment("STUB_EXIT_CLASS");
  if (!wanted.empty() && exit_now) {
    for (const ExitClass& each : kExitClasses) {
      if (wanted == each.name) {
        std::fprintf(stderr, "%s\n", each.text);
        log(std::string("[control] [ERROR] ") + each.text);
        return each.code;
      }
    }
    std::fprintf(stderr, "stub_worker: no exit class \"%s\"\n", wanted.c_str());
    return 2;
  }
  if (after("STUB_EXIT_AFTER_MS")) {
    std::fprintf(stderr, "%s\n", environment("STUB_EXIT_TEXT").c_str());
    log("[control] [ERROR] " + environment("STUB_EXIT_TEXT"));
    return static_cast<int>(number("STUB_EXIT_CODE").value_or(1));
  }
  return std::nullopt;
}

std::optional<int> StubWorker::stop_due() {
  if (stop_signals == 0 || !environment("STUB_IGNORE_TERM").empty()) {
    return std::nullopt;
  }
  if (!stopping_) {
    stopping_ = SteadyClock::now();
    report_stopping();
    log("[control] [INFO] stopping");
  }
  const std::chrono::milliseconds drain{number("STUB_DRAIN_MS").value_or(0)};
  if (stop_signals > 1 || SteadyClock::now() - *stopping_ >= drain) {
    log("[control] [INFO] goodbye");
    return 0;
  }
  return std::nullopt;
}

int StubWorker::run() {
  tunnel_id_ = environment("STUB_TUNNEL_ID");
  if (tunnel_id_.empty()) {
    tunnel_id_ = random_tunnel_id();
  }
  write_pidfile();
  log("[control] [INFO] Sauce Connect Proxy version=stub");
  while (true) {
    if (!open_api()) {
      std::fprintf(stderr,
                   "fatal error exiting: local API: listen on %s: %s\n",
                   flag("api-address").c_str(),
                   std::strerror(errno));
      return 1;
    }
    std::optional<int> code = exit_due();
    if (!code) {
      note_ready();
      code = stop_due();
    }
    if (code) {
      remove_files();
      return *code;
    }
    if (hangups > 0) {
      hangups = 0;
      log("[control] [INFO] log file reopened");
    }
    // A signal ends the wait; the grain is that of the delays above.
    pollfd watched{listener_, POLLIN, 0};
    if (poll(&watched, 1, stub_grain()) > 0 && (watched.revents & POLLIN) != 0) {
      serve_one();
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  report_started();
  if (count > 1 && std::strcmp(arguments[1], "version") == 0) {
    std::puts("Version: stub");
    return 0;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop_signals = stop_signals + 1; };
  for (const int signal_number : {SIGTERM, SIGINT, SIGQUIT}) {
    sigaction(signal_number, &action, nullptr);
  }
  action.sa_handler = [](int) { hangups = hangups + 1; };
  sigaction(SIGHUP, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return StubWorker(read_flags(count, arguments)).run();
}
