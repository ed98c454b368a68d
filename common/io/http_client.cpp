#include "common/io/http_client.hpp"

#include <curl/curl.h>
#include <uv.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/http_transfer.hpp"
#include "common/io/timer.hpp"
#include "common/io/uv_handle.hpp"

namespace scpool {

struct HttpClient::Ticket::Call {
  Call(HttpCall call, OnAnswer action) : transfer(std::move(call)), on_answer(std::move(action)) {}

  HttpTransfer transfer;
  OnAnswer on_answer;
  Multi* multi = nullptr;
  Ticket* ticket = nullptr;  // null once the answer is on its way
};

// curl's callbacks only watch sockets and append bytes; answers are told after curl has returned.
struct HttpClient::Multi {
  explicit Multi(EventLoop& owner);
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;
  ~Multi();

  void start(Ticket::Call* call);
  void cancel(Ticket::Call* call);
  void cancel_all();
  void act(curl_socket_t socket, int events);
  void tell();
  void watch(curl_socket_t socket, int what, uv_poll_t* poll);

  static void on_event(uv_poll_t* poll, int status, int events) noexcept;
  static int on_socket(
      CURL* easy, curl_socket_t socket, int what, void* multi, void* watcher) noexcept;
  static int on_timer(CURLM* handle, long milliseconds, void* multi) noexcept;

  EventLoop& loop;
  CURLM* handle;
  Timer timer;  // curl's
  Timer later;  // for answers that are known before curl has begun
  TlsRoots roots;
  std::vector<Ticket::Call*> running;
  std::deque<Ticket::Call*> finished;
  bool closed = false;
};

HttpClient::Multi::Multi(EventLoop& owner)
    : loop(owner), handle(new_curl_multi()), timer(owner), later(owner) {
  curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, &on_socket);
  curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, &on_timer);
  curl_multi_setopt(handle, CURLMOPT_TIMERDATA, this);
}

HttpClient::Multi::~Multi() {
  SCPOOL_CHECK(curl_multi_cleanup(handle) == CURLM_OK);
}

int HttpClient::Multi::on_socket(
    CURL* /*easy*/, curl_socket_t socket, int what, void* multi, void* watcher) noexcept {
  static_cast<Multi*>(multi)->watch(socket, what, static_cast<uv_poll_t*>(watcher));
  return 0;
}

void HttpClient::Multi::watch(curl_socket_t socket, int what, uv_poll_t* poll) {
  if (what == CURL_POLL_REMOVE) {
    close_handle(poll);
    curl_multi_assign(handle, socket, nullptr);
    return;
  }
  if (poll == nullptr) {
    poll = new uv_poll_t;
    SCPOOL_CHECK(uv_poll_init(loop.native(), poll, socket) == 0);
    poll->data = this;
    curl_multi_assign(handle, socket, poll);
  }
  const int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                     ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
  uv_poll_start(poll, events, &on_event);
}

void HttpClient::Multi::on_event(uv_poll_t* poll, int status, int events) noexcept {
  auto* self = static_cast<Multi*>(poll->data);
  uv_os_fd_t socket = -1;
  if (self == nullptr || uv_fileno(reinterpret_cast<uv_handle_t*>(poll), &socket) != 0) {
    return;
  }
  int seen = status < 0 ? CURL_CSELECT_ERR : 0;
  seen |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
  seen |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
  self->act(socket, seen);
}

int HttpClient::Multi::on_timer(CURLM* /*handle*/, long milliseconds, void* multi) noexcept {
  auto* self = static_cast<Multi*>(multi);
  if (milliseconds < 0) {
    self->timer.cancel();
  } else {
    self->timer.start(std::chrono::milliseconds{milliseconds},
                      [self] { self->act(CURL_SOCKET_TIMEOUT, 0); });
  }
  return 0;
}

void HttpClient::Multi::start(Ticket::Call* call) {
  call->multi = this;
  running.push_back(call);
  if (call->transfer.prepare(roots)) {
    curl_easy_setopt(call->transfer.easy(), CURLOPT_PRIVATE, call);
    SCPOOL_CHECK(curl_multi_add_handle(handle, call->transfer.easy()) == CURLM_OK);
    return;
  }
  finished.push_back(call);
  later.start(Duration::zero(), [this] { tell(); });
}

void HttpClient::Multi::cancel(Ticket::Call* call) {
  curl_multi_remove_handle(handle, call->transfer.easy());
  std::erase(running, call);
  std::erase(finished, call);
  delete call;
  if (running.empty()) {
    roots.forget();
  }
}

void HttpClient::Multi::cancel_all() {
  closed = true;
  while (!running.empty()) {
    if (running.back()->ticket != nullptr) {
      running.back()->ticket->call_ = nullptr;
    }
    cancel(running.back());
  }
  timer.cancel();
  later.cancel();
}

void HttpClient::Multi::act(curl_socket_t socket, int events) {
  int still_running = 0;
  curl_multi_socket_action(handle, socket, events, &still_running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handle, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    void* context = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
    auto* call = static_cast<Ticket::Call*>(context);
    call->transfer.finish(message->data.result);
    curl_multi_remove_handle(handle, call->transfer.easy());
    finished.push_back(call);
  }
  tell();
}

void HttpClient::Multi::tell() {
  while (!finished.empty() && !closed) {
    Ticket::Call* call = finished.front();
    if (call->ticket != nullptr) {
      call->ticket->call_ = nullptr;
    }
    const OnAnswer on_answer = std::move(call->on_answer);
    Result<HttpAnswer> answer = call->transfer.take_answer();
    cancel(call);
    on_answer(std::move(answer));  // may start and cancel calls, or end the client
  }
}

HttpClient::HttpClient(EventLoop& loop) : multi_(std::make_unique<Multi>(loop)) {}

HttpClient::~HttpClient() {
  multi_->cancel_all();
  EventLoop& loop = multi_->loop;
  loop.retire(std::move(multi_));
}

HttpClient::Ticket HttpClient::start(HttpCall call, OnAnswer on_answer) {
  auto* started = new Ticket::Call(std::move(call), std::move(on_answer));
  multi_->start(started);
  Ticket ticket(started);
  started->ticket = &ticket;
  return ticket;
}

HttpClient::Ticket::Ticket(Ticket&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {
  if (call_ != nullptr) {
    call_->ticket = this;
  }
}

HttpClient::Ticket& HttpClient::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    if (call_ != nullptr) {
      call_->multi->cancel(std::exchange(call_, nullptr));
    }
    call_ = std::exchange(other.call_, nullptr);
    if (call_ != nullptr) {
      call_->ticket = this;
    }
  }
  return *this;
}

HttpClient::Ticket::~Ticket() {
  if (call_ != nullptr) {
    call_->multi->cancel(call_);
  }
}

bool HttpClient::Ticket::pending() const {
  return call_ != nullptr;
}

}  // namespace scpool
