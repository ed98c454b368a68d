#include "supervisor/io/program_exchange.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace scpool::supervisor {
namespace {

constexpr const char* kNoteName = "SC_POOL_EXCHANGE=";
constexpr const char* kWhyName = "SC_POOL_EXCHANGE_WHY=";

int milliseconds(Duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) {
    all.push_back(text.data());
  }
  all.push_back(nullptr);
  return all;
}

// Left as they are: a fault is to be seen when it happens.
sigset_t all_but_faults() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGALRM}) {
    sigdelset(&signals, fault);
  }
  return signals;
}

void keep_open(const std::vector<int>& descriptors) {
  for (const int descriptor : descriptors) {
    fcntl(descriptor, F_SETFD, 0);
  }
}

void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = 3;
  for (const int descriptor : kept) {
    const auto number = static_cast<unsigned>(descriptor);
    if (number > from) {
      syscall(SYS_close_range, from, number - 1, 0U);
    }
    from = std::max(from, number + 1);
  }
  syscall(SYS_close_range, from, ~0U, 0U);
}

// What the guard knows, made before it exists.
struct Guard {
  int watched = -1;       // pidfd of the process it guards
  int confirmation = -1;  // a byte comes, and all is well
  int old_program = -1;
  Duration limit{};
  bool takes_over = true;
  std::vector<char*> words;
  std::vector<char*> after_death;
  std::vector<char*> after_silence;
};

// The new program had its time, or is dead. Never returns.
[[noreturn]] void guard(const Guard& orders) {
  std::array<pollfd, 2> watched = {pollfd{orders.confirmation, POLLIN, 0},
                                   pollfd{orders.watched, POLLIN, 0}};
  int ready = 0;
  do {
    ready = poll(watched.data(), watched.size(), milliseconds(orders.limit));
  } while (ready < 0 && errno == EINTR);
  if ((watched[0].revents & POLLIN) != 0) {
    _exit(0);
  }
  if (ready > 0 && watched[1].revents == 0) {
    ready = poll(&watched[1], 1, milliseconds(orders.limit));  // it closed what it should not
  }
  if (ready == 0) {
    syscall(SYS_pidfd_send_signal, orders.watched, SIGKILL, nullptr, 0);
    poll(&watched[1], 1, -1);
  }
  if (orders.takes_over) {
    fexecve(orders.old_program,
            orders.words.data(),
            ready == 0 ? orders.after_silence.data() : orders.after_death.data());
  }
  _exit(1);
}

// The way back, for a signal's action as well: made of what needs no memory.
struct WayBack {
  bool open = false;
  int old_program = -1;
  int confirmation = -1;
  std::vector<int> inherited;
  std::vector<std::string> words;
  std::vector<std::string> environment;  // the last one is the reason
  std::vector<char*> words_for_exec;
  std::vector<char*> environment_for_exec;
  Exchanged exchanged;
};

WayBack& way_back() {
  static WayBack way;
  return way;
}

void go_back() {
  WayBack& way = way_back();
  for (const int descriptor : way.inherited) {
    fcntl(descriptor, F_SETFD, 0);
  }
  fexecve(way.old_program, way.words_for_exec.data(), way.environment_for_exec.data());
}

void set_reason(WayBack& way, std::string_view why) {
  std::string& line = way.environment.back();
  const std::size_t begin = std::string_view(kWhyName).size();
  const std::size_t count = std::min(why.size(), line.size() - begin);
  std::copy_n(why.begin(), count, line.begin() + static_cast<std::ptrdiff_t>(begin));
  line.data()[begin + count] = '\0';
}

void on_fault(int number) {
  WayBack& way = way_back();
  set_reason(way,
             number == SIGALRM   ? "it did not confirm in time"
             : number == SIGSEGV ? "it crashed (SIGSEGV) before it had confirmed"
             : number == SIGABRT ? "it aborted (SIGABRT) before it had confirmed"
                                 : "it crashed before it had confirmed");
  go_back();
  signal(number, SIG_DFL);
  raise(number);
}

void arm(Duration limit) {
  struct sigaction action {};
  action.sa_handler = on_fault;
  action.sa_flags = SA_NODEFER;
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM}) {
    sigaction(fault, &action, nullptr);
  }
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  const itimerval alarm = {{0, 0}, {us / 1'000'000, us % 1'000'000}};
  setitimer(ITIMER_REAL, &alarm, nullptr);
}

void disarm() {
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM}) {
    signal(fault, SIG_DFL);
  }
}

}  // namespace

std::vector<std::string> own_words() {
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) {
    words.push_back(word);
  }
  return words;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) {
    lines.emplace_back(*line);
  }
  return lines;
}

// "OLD_PROGRAM CONFIRMATION MILLISECONDS COUNT DESCRIPTOR... FILE"
std::string ProgramExchange::note() const {
  std::string text = kNoteName + std::to_string(old_program_.get()) + " " +
                     std::to_string(confirmation_.get()) + " " +
                     std::to_string(milliseconds(plan_.limit)) + " " +
                     std::to_string(plan_.inherited.size());
  for (const int descriptor : plan_.inherited) {
    text += " " + std::to_string(descriptor);
  }
  return text + " " + plan_.handover_file;
}

Result<ProgramExchange> ProgramExchange::prepare(ExchangePlan plan) {
  ProgramExchange exchange(std::move(plan));
  exchange.old_program_.reset(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> ends{};
  if (!exchange.old_program_.valid() || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error::from_errno(errno, "cannot prepare the way back");
  }
  const OpenDescriptor reading(ends[0]);
  exchange.confirmation_.reset(ends[1]);
  const OpenDescriptor own(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!own.valid()) {
    return Error::from_errno(errno, "cannot be watched while the program is exchanged");
  }
  auto& inherited = exchange.plan_.inherited;
  inherited.push_back(exchange.old_program_.get());
  inherited.push_back(exchange.confirmation_.get());

  exchange.plan_.environment.push_back(exchange.note());
  std::vector<std::string> dead = exchange.plan_.environment;
  std::vector<std::string> silent = exchange.plan_.environment;
  dead.push_back(std::string(kWhyName) + "it ended before it had confirmed");
  silent.push_back(std::string(kWhyName) + "it did not confirm in time and was killed");
  Guard orders;
  orders.watched = own.get();
  orders.confirmation = reading.get();
  orders.old_program = exchange.old_program_.get();
  orders.limit = exchange.plan_.limit;
  orders.takes_over = exchange.plan_.guard_takes_over;
  orders.words = pointers(exchange.plan_.words);
  orders.after_death = pointers(dead);
  orders.after_silence = pointers(silent);
  std::vector<int> kept = inherited;
  kept.push_back(own.get());
  kept.push_back(reading.get());

  const sigset_t held = all_but_faults();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &held, &before);
  const pid_t child = fork();
  if (child == 0) {
    close_all_but(kept);
    keep_open(inherited);
    guard(orders);
  }
  const int reason = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) {
    return Error::from_errno(reason, "cannot start the guard");
  }
  exchange.guard_pid_ = static_cast<int>(child);
  return exchange;
}

Error ProgramExchange::execute() {
  const sigset_t held = all_but_faults();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &held, &before);
  keep_open(plan_.inherited);
  const std::vector<char*> words = pointers(plan_.words);
  const std::vector<char*> environment = pointers(plan_.environment);
  execve(plan_.program.c_str(), words.data(), environment.data());
  const int reason = errno;
  for (const int descriptor : plan_.inherited) {
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  call_off();
  return Error::from_errno(reason, plan_.program);
}

void ProgramExchange::call_off() {
  if (guard_pid_ == 0) {
    return;
  }
  [[maybe_unused]] const ssize_t told = write(confirmation_.get(), "1", 1);
  while (waitpid(guard_pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  guard_pid_ = 0;
}

void accept_exchange() {
  const std::string name(kNoteName, std::string_view(kNoteName).size() - 1);
  const std::string why_name(kWhyName, std::string_view(kWhyName).size() - 1);
  const char* note = std::getenv(name.c_str());
  if (note == nullptr) {
    return;
  }
  WayBack& way = way_back();
  const char* why = std::getenv(why_name.c_str());
  way.exchanged.why_back = why == nullptr ? "" : why;
  std::istringstream words(note);
  int limit_ms = 0;
  std::size_t count = 0;
  words >> way.old_program >> way.confirmation >> limit_ms >> count;
  for (int descriptor = 0; way.inherited.size() < count && words >> descriptor;) {
    way.inherited.push_back(descriptor);
  }
  std::getline(words >> std::ws, way.exchanged.handover_file);
  unsetenv(why_name.c_str());
  way.environment = own_environment();
  unsetenv(name.c_str());
  way.open = true;
  constexpr std::size_t kLongestReason = 500;
  way.environment.push_back(kWhyName + std::string(kLongestReason, ' '));
  way.words = own_words();
  way.words_for_exec = pointers(way.words);
  way.environment_for_exec = pointers(way.environment);
  if (why == nullptr) {
    // Earlier than the guard, so that the way back stays in this process.
    arm(std::chrono::milliseconds{limit_ms} * 3 / 4);
  }
}

std::optional<Exchanged> exchanged() {
  const WayBack& way = way_back();
  return way.open ? std::optional(way.exchanged) : std::nullopt;
}

void confirm_exchange() {
  WayBack& way = way_back();
  if (!std::exchange(way.open, false)) {
    return;
  }
  disarm();
  [[maybe_unused]] const ssize_t told = write(way.confirmation, "1", 1);
  close(way.confirmation);
  close(way.old_program);
}

void give_back(const std::string& why) {
  WayBack& way = way_back();
  if (way.open && way.exchanged.why_back.empty()) {
    set_reason(way, why);
    go_back();
  }
}

void release_signals() {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace scpool::supervisor
