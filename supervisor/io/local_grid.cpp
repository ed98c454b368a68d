#include "supervisor/io/local_grid.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/io/log_tail.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

// It appears once, when the server listens; a file system event would not come sooner.
constexpr Duration kLookPeriod = 20ms;
// Served this long, the next failure counts as the first.
constexpr Duration kStablePeriod = 60s;
constexpr std::size_t kEvidenceLines = 5;
// The ports of an earlier server may still be held: by itself, which just learns that its
// supervisor was killed, or by somebody's connection that got the number.
constexpr Duration kPortsPatience = 10s;
constexpr Duration kPortsRetry = 200ms;

std::string text_at(const Json& root, const char* key) {
  const auto found = root.find(key);
  return found != root.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// "host:port" of a URL.
std::string authority_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

}  // namespace

Result<LocalGridAddresses> read_local_grid_addresses(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Error(ErrorKind::NotFound, path + ": not there");
  }
  const Json root = parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
  if (!root.is_object()) {
    return Error(ErrorKind::Invalid, path + ": not a JSON object");
  }
  LocalGridAddresses addresses;
  const auto pid = root.find("pid");
  addresses.pid = pid != root.end() && pid->is_number_integer() ? pid->get<int>() : 0;
  addresses.rest_url = text_at(root, "rest_url");
  addresses.ca_file = text_at(root, "ca_file");
  addresses.user = text_at(root, "user");
  addresses.access_key_file = text_at(root, "access_key_file");
  addresses.ingress_url = text_at(root, "ingress_url");
  addresses.open_ingress_url = text_at(root, "open_ingress_url");
  addresses.admin_url = text_at(root, "admin_url");
  if (addresses.rest_url.empty() || addresses.user.empty() || addresses.access_key_file.empty()) {
    return Error(ErrorKind::Invalid, path + ": rest_url, user or access_key_file is missing");
  }
  return addresses;
}

LocalGrid::LocalGrid(EventLoop& loop, LocalGridSettings settings, Events events)
    : loop_(loop),
      settings_(std::move(settings)),
      events_(std::move(events)),
      random_(random_seed()),
      timer_(loop) {}

Result<void> LocalGrid::start() {
  if (settings_.keep_ports) {
    if (auto earlier = read_local_grid_addresses(addresses_file()); earlier.ok()) {
      addresses_ = std::move(earlier).value();
    }
  }
  first_try_ = loop_.now();
  return spawn();
}

Result<void> LocalGrid::resume(const ProcessIdentity& server) {
  auto serving = read_local_grid_addresses(addresses_file());
  auto process =
      ChildProcess::adopt(loop_, server, [this](const ProcessExit& exit) { note_exit(exit); });
  if (!serving || !process || serving.value().pid != server.pid) {
    return start();
  }
  addresses_ = std::move(serving).value();
  process_ = std::move(process).value();
  state_ = State::Serving;
  has_served_ = true;
  started_at_ = loop_.now();
  events_.on_serving(*addresses_);
  return {};
}

ProcessIdentity LocalGrid::identity() const {
  return process_ == nullptr ? ProcessIdentity{}
                             : ProcessIdentity{process_->pid(), process_->start_time()};
}

// The same ports again, so that workers find the server where they left it.
std::vector<std::string> LocalGrid::arguments() const {
  std::vector<std::string> words = {"run",
                                    "--embedded",
                                    settings_.directory,
                                    "--end-with-parent",
                                    "--open-ingress-tunnel",
                                    settings_.tunnel_name};
  if (addresses_.has_value()) {
    const std::pair<const char*, const std::string*> known[] = {
        {"--listen", &addresses_->rest_url},
        {"--ingress", &addresses_->ingress_url},
        {"--open-ingress", &addresses_->open_ingress_url},
        {"--admin-listen", &addresses_->admin_url}};
    for (const auto& [flag, url] : known) {
      if (!url->empty()) {
        words.insert(words.end(), {flag, authority_of(*url)});
      }
    }
  }
  return words;
}

Result<void> LocalGrid::spawn() {
  // What an earlier server wrote must not be taken for this one's.
  if (unlink(addresses_file().c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, addresses_file());
  }
  const int output =
      open(settings_.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) {
    return Error::from_errno(errno, settings_.log_file);
  }
  SpawnPlan plan;
  plan.program = settings_.program;
  plan.arguments = arguments();
  plan.environment = settings_.environment;
  plan.stdout_descriptor = output;
  plan.stderr_descriptor = output;
  auto spawned =
      ChildProcess::spawn(loop_, plan, [this](const ProcessExit& exit) { note_exit(exit); });
  close(output);
  if (!spawned) {
    return spawned.error();
  }
  process_ = std::move(spawned).value();
  state_ = State::Starting;
  started_at_ = loop_.now();
  timer_.start(kLookPeriod, [this] { look_for_addresses(); });
  return {};
}

void LocalGrid::look_for_addresses() {
  auto read = read_local_grid_addresses(addresses_file());
  if (read.ok() && read.value().pid == process_->pid()) {
    addresses_ = std::move(read).value();
    state_ = State::Serving;
    has_served_ = true;
    events_.on_serving(*addresses_);
    return;
  }
  if (loop_.now() - started_at_ > settings_.start_deadline) {
    process_->signal_group(SIGKILL);  // its end is the next event
    return;
  }
  timer_.start(kLookPeriod, [this] { look_for_addresses(); });
}

void LocalGrid::note_exit(const ProcessExit& exit) {
  timer_.cancel();
  loop_.retire(std::move(process_));
  if (state_ == State::Stopping) {
    state_ = State::Idle;
    unlink(addresses_file().c_str());
    events_.on_stopped();
    return;
  }
  std::string cause = "the embedded sc-server " + exit.text();
  const std::vector<std::string> lines = last_lines(settings_.log_file, kEvidenceLines);
  if (!lines.empty()) {
    cause += ": " + lines.back();
  }
  if (!has_served_ && addresses_.has_value() && loop_.now() - first_try_ < kPortsPatience) {
    state_ = State::WaitingToRestart;
    timer_.start(kPortsRetry, [this, cause] {
      if (const auto spawned = spawn(); !spawned) {
        events_.on_failed(spawned.error().within(cause));
      }
    });
    return;
  }
  if (!has_served_) {
    state_ = State::Idle;
    events_.on_failed(Error(ErrorKind::System, cause + " (its log: " + settings_.log_file + ")"));
    return;
  }
  restart_later(cause);
}

void LocalGrid::restart_later(const std::string& cause) {
  failures_ = loop_.now() - started_at_ > kStablePeriod ? 0 : failures_ + 1;
  const Duration delay = backoff_delay(BackoffRule{}, failures_, random_);
  state_ = State::WaitingToRestart;
  timer_.start(delay, [this] {
    if (const auto spawned = spawn(); !spawned) {
      restart_later(spawned.error().sentence());
    }
  });
  events_.on_lost(cause, delay);
}

void LocalGrid::stop() {
  timer_.cancel();
  if (process_ == nullptr) {
    state_ = State::Idle;
    unlink(addresses_file().c_str());
    events_.on_stopped();
    return;
  }
  if (state_ == State::Stopping) {
    return;
  }
  state_ = State::Stopping;
  process_->signal(SIGTERM);
  timer_.start(settings_.stop_deadline, [this] { process_->signal_group(SIGKILL); });
}

}  // namespace scpool::supervisor
