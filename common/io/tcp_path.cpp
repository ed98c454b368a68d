#include "common/io/tcp_path.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

#include "common/base/limits.hpp"

namespace scpool {
namespace {

bool paced_by_algorithm(int descriptor) {
  std::array<char, 16> name{};  // TCP_CA_NAME_MAX
  socklen_t size = name.size();
  return getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0 &&
         std::string_view(name.data(), size).starts_with("bbr");
}

bool use(int descriptor, std::string_view algorithm) {
  return setsockopt(descriptor,
                    IPPROTO_TCP,
                    TCP_CONGESTION,
                    algorithm.data(),
                    static_cast<socklen_t>(algorithm.size())) == 0;
}

}  // namespace

std::optional<RoundTrips> tcp_round_trips(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_rtt == 0 ||
      size < offsetof(tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt) {
    return std::nullopt;
  }
  return RoundTrips{std::chrono::microseconds{info.tcpi_rtt},
                    std::chrono::microseconds{info.tcpi_min_rtt}};
}

void leave_pacing_on_short_path(int descriptor) {
  const std::optional<RoundTrips> round_trips = tcp_round_trips(descriptor);
  if (round_trips.has_value() && round_trips->least < limits::kShortRoundTrip &&
      paced_by_algorithm(descriptor)) {
    // Every Linux allows these two to everybody, unless its administrator took one away.
    static_cast<void>(use(descriptor, "cubic") || use(descriptor, "reno"));
  }
}

}  // namespace scpool
