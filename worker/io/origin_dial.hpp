// One connection to a site: looks the name up once, judges every address of the answer, connects to
// those that passed and speaks TLS where the scheme asks for it. The file between origin_policy and
// the exchanges; owned by the request that wants the connection, gone with it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/http/proxy_error.hpp"
#include "common/io/name_lookup.hpp"
#include "common/io/timer.hpp"
#include "common/tls/tls_context.hpp"
#include "worker/core/dial_plan.hpp"
#include "worker/core/origin_policy.hpp"
#include "worker/io/site_connection.hpp"

namespace scpool::worker {

struct OriginDialSettings {
  Site site;
  const TlsContext* tls = nullptr;  // for sites that speak it
  HttpTimes times;
};

class OriginDial {
 public:
  using Outcome = std::variant<std::unique_ptr<SiteConnection>, ProxyError>;
  using OnDone = std::function<void(Outcome)>;

  // The policy has judged the name already; policy and figures outlive the dial.
  OriginDial(EventLoop& loop,
             const OriginPolicy& policy,
             OriginFigures& figures,
             OriginDialSettings settings,
             OnDone on_done);
  OriginDial(const OriginDial&) = delete;
  OriginDial& operator=(const OriginDial&) = delete;
  ~OriginDial();

  // `on_done` comes once, perhaps before this returns; it may retire the dial, not destroy it.
  void start();

 private:
  class Attempt;

  void take_answer(const Result<std::vector<std::string>>& answer);
  void dial_those_allowed(const std::vector<IpAddress>& addresses);
  void turn();
  void on_attempt_open(Attempt& attempt);
  void on_attempt_failed(Attempt& attempt, const Error& error);
  void begin_tls(Attempt& attempt);
  void drop_attempts_but(const Attempt* kept);
  void succeed(Attempt& attempt);
  void fail(ProxyError error);

  EventLoop& loop_;
  const OriginPolicy& policy_;
  OriginDialSettings settings_;
  OnDone on_done_;
  DialFigures& figures_;
  std::vector<IpAddress> addresses_;
  std::unique_ptr<NameLookup> lookup_;
  std::optional<DialPlan> plan_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::optional<ProxyError> last_error_;
  enum class Phase { LookingUp, Connecting, ShakingHands, Done };
  Phase phase_ = Phase::LookingUp;
  Timer timer_;
};

}  // namespace scpool::worker
