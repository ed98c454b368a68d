#include "common/io/name_lookup.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <uv.h>

#include <cstring>
#include <deque>
#include <utility>

#include "common/base/check.hpp"
#include "common/io/socket_address.hpp"
#include "common/io/timer.hpp"

namespace scpool {
namespace {

ErrorKind kind_of(int status) {
  switch (status) {
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_ADDRFAMILY:
      return ErrorKind::NotFound;
    case UV_EAI_AGAIN:
      return ErrorKind::TimedOut;
    case UV_EAI_MEMORY:
      return ErrorKind::Exhausted;
    default:
      return ErrorKind::System;
  }
}

// The resolver's order (RFC 6724), but the families in turn, so that one that does not work costs
// one attempt and not all of them.
std::vector<std::string> interleaved(const addrinfo* list) {
  std::deque<std::string> first;
  std::deque<std::string> second;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    if (entry->ai_addrlen > SocketAddress::kCapacity) {
      continue;
    }
    std::memcpy(address.storage.data(), entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    if (const auto endpoint = endpoint_of(address)) {
      (entry->ai_family == list->ai_family ? first : second).push_back(endpoint->address);
    }
  }
  std::vector<std::string> addresses;
  while (!first.empty() || !second.empty()) {
    for (std::deque<std::string>* family : {&first, &second}) {
      if (!family->empty()) {
        addresses.push_back(std::move(family->front()));
        family->pop_front();
      }
    }
  }
  return addresses;
}

}  // namespace

// Belongs to the loop: a thread may be working on it after its owner has gone.
struct NameLookup::Request {
  uv_getaddrinfo_t request{};
  NameLookup* owner = nullptr;
  std::unique_ptr<Timer> later;  // when no thread works on it
  std::string host;
  OnAnswer on_answer;

  static void finished(uv_getaddrinfo_t* request, int status, addrinfo* list) noexcept;
};

void NameLookup::Request::finished(uv_getaddrinfo_t* request, int status, addrinfo* list) noexcept {
  const std::unique_ptr<Request> self(static_cast<Request*>(request->data));
  const std::vector<std::string> addresses =
      status == 0 ? interleaved(list) : std::vector<std::string>{};
  uv_freeaddrinfo(list);
  if (self->owner == nullptr) {
    return;
  }
  self->owner->request_ = nullptr;
  const OnAnswer tell = std::move(self->on_answer);
  if (status != 0) {
    tell(Error{kind_of(status), "cannot resolve " + self->host + ": " + uv_strerror(status)});
  } else if (addresses.empty()) {
    tell(Error{ErrorKind::NotFound, "cannot resolve " + self->host + ": it has no address"});
  } else {
    tell(addresses);
  }
}

NameLookup::NameLookup(EventLoop& loop, const std::string& host, OnAnswer on_answer)
    : request_(new Request) {
  request_->request.data = request_;
  request_->owner = this;
  request_->host = host;
  request_->on_answer = std::move(on_answer);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  const int started = uv_getaddrinfo(
      loop.native(), &request_->request, &Request::finished, host.c_str(), nullptr, &hints);
  if (started != 0) {
    // Names too long or not of this world; told later, as every answer.
    request_->later = std::make_unique<Timer>(loop);
    request_->later->start(Duration::zero(), [request = request_, started] {
      Request::finished(&request->request, started, nullptr);
    });
  }
}

NameLookup::~NameLookup() {
  if (request_ == nullptr) {
    return;
  }
  request_->owner = nullptr;
  request_->on_answer = nullptr;
  if (request_->later != nullptr) {
    const std::unique_ptr<Request> never_started(request_);
  } else {
    uv_cancel(reinterpret_cast<uv_req_t*>(&request_->request));
  }
}

}  // namespace scpool
