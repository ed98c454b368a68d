#include "worker/io/kept_connections.hpp"

#include <algorithm>

#include "common/base/limits.hpp"

namespace scpool::worker {

KeptConnections::KeptConnections(EventLoop& loop, Duration idle)
    : loop_(loop), idle_(idle), sweep_timer_(loop) {}

void KeptConnections::keep(std::unique_ptr<SiteConnection> connection) {
  if (kept_.size() >= limits::kMaxKeptConnections) {
    return;
  }
  Keeper& self = *this;
  connection->idle(self);
  const Instant expires = idle_ > Duration::zero() ? loop_.now() + idle_ : kNever;
  kept_.push_back({std::move(connection), expires});
  if (expires != kNever && !sweep_timer_.armed()) {
    sweep_timer_.start(idle_, [this] { sweep(); });
  }
}

std::unique_ptr<SiteConnection> KeptConnections::take(const Authority& authority, bool tls) {
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& kept) {
    return kept.connection->leads_to(authority, tls);
  });
  if (found == kept_.rend()) {
    return nullptr;
  }
  auto connection = std::move(found->connection);
  kept_.erase(std::next(found).base());
  connection->stream().set_listener(nullptr);
  return connection;
}

void KeptConnections::on_stirred(SiteConnection& connection) {
  std::erase_if(kept_,
                [&connection](const Kept& kept) { return kept.connection.get() == &connection; });
}

void KeptConnections::sweep() {
  const Instant now = loop_.now();
  std::erase_if(kept_, [now](const Kept& kept) { return kept.expires <= now; });
  if (!kept_.empty()) {
    sweep_timer_.start(kept_.front().expires - now, [this] { sweep(); });
  }
}

}  // namespace scpool::worker
