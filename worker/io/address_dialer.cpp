#include "worker/io/address_dialer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace scpool::worker {

namespace {
constexpr Duration kAttemptDelay = std::chrono::milliseconds{250};
constexpr std::size_t kMostAttempts = 8;  // at once; the oldest goes
}  // namespace

class AddressDialer::Attempt final : public StreamListener {
 public:
  Attempt(AddressDialer& dialer, const Endpoint& to)
      : dialer_(dialer), stream_(Stream::connect_tcp(dialer.loop_, to)) {
    stream_->set_listener(this);
  }

  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  virtual ~Attempt() = default;

  std::unique_ptr<Stream> take_stream() {
    stream_->set_listener(nullptr);
    return std::move(stream_);
  }

  // It stays until the turn's end, but is not heard any more.
  void silence() {
    if (stream_ != nullptr) {
      stream_->set_listener(nullptr);
    }
  }

  void on_open() override { dialer_.attempt_opened(*this); }
  void on_bytes(ByteView /*bytes*/) override {}
  void on_end() override {}
  void on_failed(const Error& error) override { dialer_.attempt_failed(*this, error); }

 private:
  AddressDialer& dialer_;
  std::unique_ptr<Stream> stream_;
};

AddressDialer::AddressDialer(EventLoop& loop,
                             const std::string& host,
                             std::uint16_t port,
                             std::size_t rotation,
                             OnDone on_done,
                             Duration again_after)
    : loop_(loop),
      port_(port),
      on_done_(std::move(on_done)),
      again_after_(again_after),
      next_attempt_(loop) {
  lookup_ = std::make_unique<NameLookup>(
      loop, host, [this, rotation](Result<std::vector<std::string>> addresses) {
        resolved(std::move(addresses), rotation);
      });
}

AddressDialer::~AddressDialer() = default;

void AddressDialer::resolved(Result<std::vector<std::string>> addresses, std::size_t rotation) {
  if (!addresses.ok()) {
    done(addresses.error());
    return;
  }
  addresses_ = std::move(addresses).value();
  if (addresses_.empty()) {
    done(Error(ErrorKind::NotFound, "the name has no address"));
    return;
  }
  const auto middle =
      addresses_.begin() + static_cast<std::ptrdiff_t>(rotation % addresses_.size());
  std::rotate(addresses_.begin(), middle, addresses_.end());
  start_next();
}

void AddressDialer::start_next() {
  if (attempts_.size() == kMostAttempts) {
    drop(attempts_.begin());
  }
  attempts_.push_back(std::make_unique<Attempt>(*this, Endpoint{addresses_[next_], port_}));
  ++next_;
  if (next_ < addresses_.size()) {
    next_attempt_.start(kAttemptDelay, [this] { start_next(); });
  } else if (again_after_ > Duration::zero()) {
    next_attempt_.start(again_after_, [this] {
      next_ = 0;
      start_next();
    });
  }
}

void AddressDialer::attempt_opened(Attempt& attempt) {
  done(attempt.take_stream());
}

void AddressDialer::attempt_failed(Attempt& attempt, const Error& error) {
  if (first_error_.empty()) {
    first_error_ = error.sentence();
  }
  const auto ended = std::find_if(
      attempts_.begin(), attempts_.end(), [&](const auto& each) { return each.get() == &attempt; });
  drop(ended);
  if (next_ < addresses_.size()) {
    start_next();
  } else if (attempts_.empty()) {
    done(Error(error.kind(), first_error_));
  }
}

void AddressDialer::drop(std::vector<std::unique_ptr<Attempt>>::iterator attempt) {
  (*attempt)->silence();
  loop_.retire(std::move(*attempt));
  attempts_.erase(attempt);
}

void AddressDialer::done(Result<std::unique_ptr<Stream>> result) {
  next_attempt_.cancel();
  while (!attempts_.empty()) {
    drop(std::prev(attempts_.end()));
  }
  // The last act: the owner may retire us.
  const OnDone on_done = std::exchange(on_done_, nullptr);
  on_done(std::move(result));
}

}  // namespace scpool::worker
