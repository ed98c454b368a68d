#include "tests/programs/stub_report.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

// The time is taken first: what sending costs is not part of it.
void report(const char* what) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const char* path = std::getenv("STUB_REPORT_TO");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) {
    return;
  }
  std::strcpy(address.sun_path, path);
  char text[96];
  const int length =
      std::snprintf(text,
                    sizeof text,
                    "%s %d %lld",
                    what,
                    getpid(),
                    static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  (void)!sendto(descriptor,
                text,
                static_cast<std::size_t>(length),
                0,
                reinterpret_cast<const sockaddr*>(&address),
                sizeof address);
  close(descriptor);
}

}  // namespace

void report_started() {
  report("started");
}

void report_ready() {
  report("ready");
  if (const char* text = std::getenv("STUB_NOTIFY_FD")) {
    const int descriptor = std::atoi(text);
    (void)!write(descriptor, "\n", 1);
    close(descriptor);
  }
}

void report_stopping() {
  report("stopping");
}

int stub_grain() {
  const char* text = std::getenv("STUB_GRAIN_MS");
  return text == nullptr ? 5 : std::atoi(text);
}
