#include "worker/io/kept_connections.hpp"

#include <algorithm>

#include "common/base/limits.hpp"

namespace scpool::worker {

class KeptConnections::Entry final : private StreamListener {
 public:
  Entry(KeptConnections& owner, std::unique_ptr<SiteConnection> connection, Instant expires)
      : owner_(owner), connection_(std::move(connection)), expires_(expires) {
    connection_->stream().set_listener(this);
    connection_->stream().resume_reading();
  }

  virtual ~Entry() = default;

  const std::string& key() const { return connection_->key(); }
  Instant expires() const { return expires_; }
  std::unique_ptr<SiteConnection> release() {
    connection_->stream().set_listener(nullptr);
    return std::move(connection_);
  }

 private:
  void on_bytes(ByteView /*bytes*/) override { owner_.drop(*this); }
  void on_end() override { owner_.drop(*this); }
  void on_failed(const Error& /*error*/) override { owner_.drop(*this); }

  KeptConnections& owner_;
  std::unique_ptr<SiteConnection> connection_;
  Instant expires_;
};

KeptConnections::KeptConnections(EventLoop& loop, Duration idle)
    : loop_(loop), idle_(idle), sweep_timer_(loop) {}

KeptConnections::~KeptConnections() = default;

void KeptConnections::keep(std::unique_ptr<SiteConnection> connection) {
  if (size_ >= limits::kMaxKeptConnections) {
    return;
  }
  const Instant expires = idle_ > Duration::zero() ? loop_.now() + idle_ : kNever;
  auto& same = entries_[connection->key()];
  same.push_back(std::make_unique<Entry>(*this, std::move(connection), expires));
  ++size_;
  if (expires != kNever && !sweep_timer_.armed()) {
    sweep_timer_.start(idle_, [this] { sweep(); });
  }
}

std::unique_ptr<SiteConnection> KeptConnections::take(const std::string& key) {
  const auto same = entries_.find(key);
  if (same == entries_.end()) {
    return nullptr;
  }
  auto connection = same->second.back()->release();
  same->second.pop_back();
  --size_;
  if (same->second.empty()) {
    entries_.erase(same);
  }
  return connection;
}

void KeptConnections::drop(Entry& entry) {
  const auto same = entries_.find(entry.key());
  if (same == entries_.end()) {
    return;
  }
  auto& list = same->second;
  const auto place = std::find_if(
      list.begin(), list.end(), [&entry](const auto& other) { return other.get() == &entry; });
  if (place == list.end()) {
    return;
  }
  (*place)->release().reset();
  loop_.retire(std::move(*place));
  list.erase(place);
  --size_;
  if (list.empty()) {
    entries_.erase(same);
  }
}

void KeptConnections::sweep() {
  const Instant now = loop_.now();
  Instant next = kNever;
  for (auto same = entries_.begin(); same != entries_.end();) {
    auto& list = same->second;
    size_ -= std::erase_if(list, [now](const auto& entry) { return entry->expires() <= now; });
    for (const auto& entry : list) {
      next = std::min(next, entry->expires());
    }
    same = list.empty() ? entries_.erase(same) : std::next(same);
  }
  if (next != kNever) {
    sweep_timer_.start(next - now, [this] { sweep(); });
  }
}

}  // namespace scpool::worker
