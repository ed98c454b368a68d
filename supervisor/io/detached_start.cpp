#include "supervisor/io/detached_start.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace scpool::supervisor {
namespace {

// What the daemon tells its caller: who it is, and later how the start went.
struct Message {
  pid_t daemon = 0;
  int exit_code = -1;  // -1: not known yet
};

volatile std::sig_atomic_t daemon_pid = 0;

void pass_on(int signal_number) {
  const int saved = errno;
  if (daemon_pid > 0) {
    kill(static_cast<pid_t>(daemon_pid), signal_number);
  }
  errno = saved;
}

bool read_message(int descriptor, Message& message) {
  std::size_t done = 0;
  std::array<char, sizeof(Message)> buffer{};
  while (done < buffer.size()) {
    const ssize_t count = read(descriptor, buffer.data() + done, buffer.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    done += static_cast<std::size_t>(count);
  }
  std::memcpy(&message, buffer.data(), sizeof message);
  return true;
}

void write_message(int descriptor, const Message& message) {
  // Smaller than PIPE_BUF: written whole or not at all. A caller that is gone needs no answer.
  while (write(descriptor, &message, sizeof message) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void wait_in_foreground(int descriptor) {
  struct sigaction action {};
  action.sa_handler = pass_on;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    sigaction(number, &action, nullptr);
  }
  Message message;
  while (read_message(descriptor, message)) {
    daemon_pid = message.daemon;
    if (message.exit_code >= 0) {
      _exit(message.exit_code);
    }
  }
  _exit(1);
}

}  // namespace

Result<DetachedStart> DetachedStart::detach() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Error::from_errno(errno, "cannot detach");
  }
  const pid_t first = fork();
  if (first < 0) {
    return Error::from_errno(errno, "cannot detach");
  }
  if (first > 0) {
    close(ends[1]);
    while (waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
    }
    wait_in_foreground(ends[0]);
  }
  close(ends[0]);
  setsid();
  // The second fork gives up the session's leadership, so that no terminal can become ours.
  const pid_t second = fork();
  if (second != 0) {
    _exit(second < 0 ? 1 : 0);
  }
  signal(SIGPIPE, SIG_IGN);
  write_message(ends[1], Message{getpid(), -1});
  return DetachedStart(ends[1]);
}

DetachedStart::DetachedStart(DetachedStart&& other) noexcept
    : pipe_(std::exchange(other.pipe_, -1)) {}

DetachedStart::~DetachedStart() {
  if (pipe_ >= 0) {
    close(pipe_);
  }
}

void DetachedStart::report(int exit_code) {
  if (pipe_ < 0) {
    return;
  }
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      dup2(nothing, standard);
    }
    close(nothing);
  }
  write_message(pipe_, Message{getpid(), exit_code});
  close(std::exchange(pipe_, -1));
}

}  // namespace scpool::supervisor
