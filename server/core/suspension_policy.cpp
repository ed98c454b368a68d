#include "server/core/suspension_policy.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace scpool::server {

std::vector<std::size_t> sessions_to_end(const std::vector<SuspendedSession>& sessions,
                                         const SuspensionLimits& limits) {
  std::vector<std::size_t> youngest_first(sessions.size());
  std::iota(youngest_first.begin(), youngest_first.end(), std::size_t{0});
  std::stable_sort(youngest_first.begin(), youngest_first.end(), [&](auto left, auto right) {
    return sessions[left].since > sessions[right].since;
  });
  std::map<std::string_view, std::size_t> kept;
  std::size_t bytes = 0;
  std::vector<std::size_t> surplus;
  for (const std::size_t index : youngest_first) {
    const SuspendedSession& session = sessions[index];
    if (kept[session.tunnel] >= limits.per_tunnel || bytes + session.held > limits.bytes) {
      surplus.push_back(index);
      continue;
    }
    ++kept[session.tunnel];
    bytes += session.held;
  }
  return surplus;
}

}  // namespace scpool::server
