#include "worker/io/origin_dial.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace scpool::worker {
namespace {

ProxyError site_error(ProxyErrorReason reason, std::string details) {
  return {reason, ProxyErrorOrigin::Site, std::move(details)};
}

// No address is named: the client may not know it.
ProxyError connect_error(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::TimedOut:
      return site_error(ProxyErrorReason::ConnectionTimeout, "the site did not answer in time");
    case ErrorKind::Exhausted:
      return {ProxyErrorReason::ProxyInternalError,
              ProxyErrorOrigin::Worker,
              "the worker has no free descriptors"};
    default:
      break;
  }
  const std::string& sentence = error.sentence();
  if (sentence.find("unreachable") != std::string::npos) {
    return site_error(ProxyErrorReason::DestinationIpUnroutable, "there is no route to the site");
  }
  if (sentence.find("reset") != std::string::npos) {
    return site_error(ProxyErrorReason::ConnectionTerminated, "the site reset the connection");
  }
  return site_error(ProxyErrorReason::ConnectionRefused, "the site refused the connection");
}

ProxyError tls_error(const Error& error) {
  const bool certificate = error.kind() == ErrorKind::Denied;
  return site_error(
      certificate ? ProxyErrorReason::TlsCertificateError : ProxyErrorReason::TlsProtocolError,
      error.sentence());
}

std::string host_label(const Authority& authority) {
  const OriginName name = origin_name(authority);
  const bool local = is_localhost_name(name.host) ||
                     (!name.addresses.empty() && is_local_address(name.addresses.front()));
  return local ? "localhost" : name.host;
}

}  // namespace

class OriginDial::Attempt final : public StreamListener {
 public:
  Attempt(OriginDial& dial, const IpAddress& address, std::uint16_t port)
      : dial_(dial), stream_(Stream::connect_tcp(dial.loop_, {address.text(), port})) {
    stream_->set_listener(this);
  }

  virtual ~Attempt() = default;

  Stream& stream() { return *stream_; }
  std::unique_ptr<Stream> release() {
    stream_->set_listener(nullptr);
    return std::move(stream_);
  }

  void on_open() override { dial_.on_attempt_open(*this); }
  void on_bytes(ByteView /*bytes*/) override {}  // reading is paused when it is open
  void on_end() override {
    dial_.on_attempt_failed(*this, {ErrorKind::Closed, "reset by the site"});
  }
  void on_failed(const Error& error) override { dial_.on_attempt_failed(*this, error); }

 private:
  OriginDial& dial_;
  std::unique_ptr<Stream> stream_;
};

OriginDial::OriginDial(EventLoop& loop,
                       const OriginPolicy& policy,
                       OriginFigures& figures,
                       OriginDialSettings settings,
                       OnDone on_done)
    : loop_(loop),
      policy_(policy),
      settings_(std::move(settings)),
      on_done_(std::move(on_done)),
      figures_(figures.dials(host_label(settings_.site.authority))),
      timer_(loop) {}

OriginDial::~OriginDial() = default;

void OriginDial::start() {
  OriginName name = origin_name(settings_.site.authority);
  if (!name.addresses.empty()) {
    dial_those_allowed(name.addresses);
    return;
  }
  if (settings_.times.dial_timeout > Duration::zero()) {
    timer_.start(settings_.times.dial_timeout, [this] {
      fail(site_error(ProxyErrorReason::DnsTimeout, "the name was not resolved in time"));
    });
  }
  lookup_ = std::make_unique<NameLookup>(
      loop_, name.host, [this](const Result<std::vector<std::string>>& answer) {
        take_answer(answer);
      });
}

void OriginDial::take_answer(const Result<std::vector<std::string>>& answer) {
  if (phase_ != Phase::LookingUp) {
    return;
  }
  loop_.retire(std::move(lookup_));
  if (!answer) {
    const bool late = answer.error().kind() == ErrorKind::TimedOut;
    fail(late ? site_error(ProxyErrorReason::DnsTimeout, "the name was not resolved in time")
              : site_error(ProxyErrorReason::DnsError, "the site's name cannot be resolved"));
    return;
  }
  std::vector<IpAddress> addresses;
  for (const std::string& text : answer.value()) {
    if (const auto address = IpAddress::parse(text)) {
      addresses.push_back(*address);
    }
  }
  dial_those_allowed(addresses);
}

void OriginDial::dial_those_allowed(const std::vector<IpAddress>& addresses) {
  std::optional<ProxyError> refusal;
  for (const IpAddress& address : addresses) {
    if (auto problem = policy_.judge_address(address, settings_.site.authority.port)) {
      refusal = std::move(problem);
    } else {
      addresses_.push_back(address);
    }
  }
  if (addresses_.empty()) {
    fail(
        refusal.value_or(site_error(ProxyErrorReason::DnsError, "the site's name has no address")));
    return;
  }
  phase_ = Phase::Connecting;
  const HttpTimes& times = settings_.times;
  plan_.emplace(addresses_.size(),
                DialRule{.attempts = std::max(times.dial_attempts, 1U),
                         .backoff = times.dial_backoff,
                         .timeout = times.dial_timeout},
                loop_.now());
  turn();
}

void OriginDial::turn() {
  if (phase_ != Phase::Connecting) {
    return;
  }
  const Instant now = loop_.now();
  for (auto due = plan_->take_due(now); due.is_due; due = plan_->take_due(now)) {
    if (plan_->round() > 0 && due.address == 0) {
      ++figures_.retries;
    }
    attempts_.push_back(std::make_unique<Attempt>(
        *this, addresses_.at(due.address), settings_.site.authority.port));
  }
  switch (plan_->state(now)) {
    case DialPlan::State::TimedOut:
      fail(site_error(ProxyErrorReason::ConnectionTimeout, "the site did not answer in time"));
      return;
    case DialPlan::State::Exhausted:
      fail(last_error_.value_or(
          site_error(ProxyErrorReason::ConnectionRefused, "the site cannot be reached")));
      return;
    case DialPlan::State::Dialing:
      break;
  }
  if (const Instant deadline = plan_->next_deadline(); deadline != kNever) {
    timer_.start(std::max(deadline - now, Duration::zero()), [this] { turn(); });
  } else {
    timer_.cancel();
  }
}

void OriginDial::on_attempt_open(Attempt& attempt) {
  if (phase_ == Phase::ShakingHands) {
    succeed(attempt);
    return;
  }
  if (phase_ != Phase::Connecting) {
    return;
  }
  const auto own = attempt.stream().local();
  const auto peer = attempt.stream().peer();
  const auto own_address = own ? IpAddress::parse(own->address) : std::nullopt;
  const auto peer_address = peer ? IpAddress::parse(peer->address) : std::nullopt;
  if (own_address && peer_address) {
    if (auto problem = policy_.judge_connection(*own_address, *peer_address, peer->port)) {
      fail(std::move(*problem));
      return;
    }
  }
  drop_attempts_but(&attempt);
  if (settings_.site.tls) {
    begin_tls(attempt);
  } else {
    succeed(attempt);
  }
}

void OriginDial::begin_tls(Attempt& attempt) {
  phase_ = Phase::ShakingHands;
  const OriginName name = origin_name(settings_.site.authority);
  if (settings_.times.tls_handshake_timeout > Duration::zero()) {
    timer_.start(settings_.times.tls_handshake_timeout, [this] {
      fail(site_error(ProxyErrorReason::ConnectionTimeout,
                      "the site did not finish the TLS handshake in time"));
    });
  } else {
    timer_.cancel();
  }
  attempt.stream().start_tls(TlsSession::connect(*settings_.tls, name.host));
}

void OriginDial::on_attempt_failed(Attempt& attempt, const Error& error) {
  if (phase_ == Phase::ShakingHands) {
    fail(tls_error(error));
    return;
  }
  if (phase_ != Phase::Connecting) {
    return;
  }
  last_error_ = connect_error(error);
  const auto place =
      std::find_if(attempts_.begin(), attempts_.end(), [&attempt](const auto& other) {
        return other.get() == &attempt;
      });
  if (place == attempts_.end()) {
    return;
  }
  loop_.retire(std::move(*place));
  attempts_.erase(place);
  plan_->failed(loop_.now());
  turn();
}

void OriginDial::drop_attempts_but(const Attempt* kept) {
  std::vector<std::unique_ptr<Attempt>> remaining;
  for (auto& attempt : attempts_) {
    if (attempt.get() == kept) {
      remaining.push_back(std::move(attempt));
    } else {
      attempt->stream().set_listener(nullptr);
      loop_.retire(std::move(attempt));
    }
  }
  attempts_ = std::move(remaining);
}

void OriginDial::succeed(Attempt& attempt) {
  phase_ = Phase::Done;
  timer_.cancel();
  ++figures_.dialed;
  auto connection = std::make_unique<SiteConnection>(attempt.release(), settings_.site, figures_);
  for (auto& done : attempts_) {
    loop_.retire(std::move(done));
  }
  attempts_.clear();
  const OnDone on_done = std::move(on_done_);
  on_done(std::move(connection));
}

void OriginDial::fail(ProxyError error) {
  if (phase_ == Phase::Done) {
    return;
  }
  phase_ = Phase::Done;
  timer_.cancel();
  ++figures_.errors;
  loop_.retire(std::move(lookup_));
  drop_attempts_but(nullptr);
  const OnDone on_done = std::move(on_done_);
  on_done(std::move(error));
}

}  // namespace scpool::worker
