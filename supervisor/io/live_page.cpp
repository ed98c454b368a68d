#include "supervisor/io/live_page.hpp"

#include <algorithm>
#include <utility>

#include "supervisor/core/status_page.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPeriod = 2s;
// Between two contents, however much happens.
constexpr Duration kLeastPeriod = 200ms;
constexpr std::size_t kMaxReaders = 64;

std::string page_event(const std::string& content) {
  return "event: page\ndata: " + content + "\n\n";
}

}  // namespace

LivePage::LivePage(EventLoop& loop) : loop_(loop), timer_(loop, [this] { send(); }) {}

LivePage::~LivePage() {
  end_all();
}

void LivePage::end_all() {
  auto ended = std::exchange(readers_, {});
  for (auto& [id, reply] : ended) {
    reply.end();
  }
}

void LivePage::answer(const PoolFront& front, HttpReply reply) {
  if (readers_.size() >= kMaxReaders) {
    reply.send(json_error(503, "too many pages are open; close one"));
    return;
  }
  front_ = &front;
  HttpResponse head;
  head.fields.set("Content-Type", "text/event-stream");
  head.fields.set("Cache-Control", "no-store");
  head.fields.set("X-Accel-Buffering", "no");
  head.body = "retry: 1000\n\n" + page_event(status_page_content(front.report()));
  const std::uint64_t id = next_id_++;
  HttpReply& kept = readers_.emplace(id, std::move(reply)).first->second;
  kept.on_gone([this, id] { readers_.erase(id); });
  kept.begin(head);
  if (readers_.size() == 1) {
    due_ = loop_.now() + kPeriod;
    timer_.arm(due_);
  }
}

void LivePage::note_news() {
  if (!readers_.empty()) {
    due_ = std::min(due_, std::max(sent_at_ + kLeastPeriod, loop_.now()));
    timer_.arm(due_);
  }
}

void LivePage::send() {
  if (readers_.empty()) {
    return;
  }
  sent_at_ = loop_.now();
  const std::string event = page_event(status_page_content(front_->report()));
  for (auto& [id, reply] : readers_) {
    if (reply.queued() == 0) {
      reply.write(event);
    }
  }
  due_ = sent_at_ + kPeriod;
  timer_.arm(due_);
}

}  // namespace scpool::supervisor
