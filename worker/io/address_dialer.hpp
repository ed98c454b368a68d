// Opens a TCP connection to the first address that answers: a new attempt every 250 ms, or as soon
// as one failed (RFC 8305 section 5). Owned by whoever wants the connection; destroying it drops
// all attempts. In its own file because both the name's answer and the attempts outlive a call.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/io/name_lookup.hpp"
#include "common/io/stream.hpp"
#include "common/io/timer.hpp"

namespace scpool::worker {

class AddressDialer {
 public:
  using OnDone = std::function<void(Result<std::unique_ptr<Stream>>)>;

  // `rotation`: begins that many addresses further, so that connections spread over a name's
  // addresses. `on_done` comes once and may destroy the dialer by retiring it. `again_after`: what
  // has not answered by then is tried anew beside the attempts under way, since the kernel repeats
  // a lost SYN only after 1, 3 and 7 s; zero: each address once.
  AddressDialer(EventLoop& loop,
                const std::string& host,
                std::uint16_t port,
                std::size_t rotation,
                OnDone on_done,
                Duration again_after = Duration::zero());
  AddressDialer(const AddressDialer&) = delete;
  AddressDialer& operator=(const AddressDialer&) = delete;
  ~AddressDialer();

 private:
  class Attempt;

  void resolved(Result<std::vector<std::string>> addresses, std::size_t rotation);
  void start_next();
  void attempt_opened(Attempt& attempt);
  void attempt_failed(Attempt& attempt, const Error& error);
  void drop(std::vector<std::unique_ptr<Attempt>>::iterator attempt);
  void done(Result<std::unique_ptr<Stream>> result);

  EventLoop& loop_;
  std::uint16_t port_;
  OnDone on_done_;
  Duration again_after_;
  std::vector<std::string> addresses_;
  std::size_t next_ = 0;  // address
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::string first_error_;
  Timer next_attempt_;
  std::unique_ptr<NameLookup> lookup_;
};

}  // namespace scpool::worker
