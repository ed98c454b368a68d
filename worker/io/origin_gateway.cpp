#include "worker/io/origin_gateway.hpp"

#include <algorithm>

#include "common/io/timer.hpp"
#include "worker/core/request_rules.hpp"
#include "worker/io/http_log.hpp"
#include "worker/io/origin_exchange.hpp"

namespace scpool::worker {
namespace {

// An empty address is every own one; a name is nothing we can compare with.
std::optional<ForbiddenEndpoint> forbidden(const Endpoint& endpoint) {
  if (endpoint.address.empty()) {
    return ForbiddenEndpoint{{}, endpoint.port};
  }
  const auto address = IpAddress::parse(endpoint.address);
  if (!address) {
    return std::nullopt;
  }
  return ForbiddenEndpoint{*address, endpoint.port};
}

std::string request_id(const Fields& head) {
  return std::string(
      head.find("tunnel-request-id").value_or(head.find("x-request-id").value_or("")));
}

}  // namespace

struct OriginGateway::Core final : public OriginRequestOwner {
  Core(EventLoop& loop, const OriginGatewaySettings& settings, OriginFigures& figures)
      : context{loop,
                settings,
                figures,
                OriginPolicy(settings.config->localhost, &settings.config->deny_domains.compiled),
                KeptConnections(loop, settings.config->http.idle_connection_timeout),
                *this},
        timer(loop, [this] { wake(); }) {
    for (const Endpoint& endpoint : settings.own_endpoints) {
      forbid(endpoint);
    }
  }

  virtual ~Core() = default;

  void forbid(const Endpoint& endpoint) {
    if (const auto known = forbidden(endpoint)) {
      context.policy.forbid(*known);
    }
  }

  void serve(TunnelLink& link, StreamId stream, Fields head);
  std::optional<ProxyError> judge(TunnelRequest& request) const;
  void on_request_finished(OriginRequest& request) override;
  void on_deadline_set(Instant deadline) override;
  void wake();

  OriginContext context;
  std::vector<std::unique_ptr<OriginRequest>> requests;  // each knows its slot
  // One for all deadlines: most requests are done long before theirs, and then cost it nothing.
  DeadlineTimer timer;
  Instant armed = kNever;
};

// Nothing when the request may be sent to its site; in the order of reference section e.3.
std::optional<ProxyError> OriginGateway::Core::judge(TunnelRequest& request) const {
  const auto purpose = request.kind == TunnelRequest::Kind::Connect
                           ? OriginPolicy::Purpose::Connect
                           : OriginPolicy::Purpose::Exchange;
  if (auto error = context.policy.judge_name(request.authority, purpose)) {
    return error;
  }
  return prepare_for_site(request, *context.settings.config, context.settings.pseudonym);
}

void OriginGateway::Core::serve(TunnelLink& link, StreamId stream, Fields head) {
  std::string id =
      context.settings.config->log_http.proxy == LogHttpMode::None ? "" : request_id(head);
  const std::string method(head.find(":method").value_or(""));
  auto parsed = from_h2_request(std::move(head));
  std::optional<ProxyError> error;
  if (const auto* problem = std::get_if<HeadProblem>(&parsed)) {
    error = {ProxyErrorReason::HttpRequestError, ProxyErrorOrigin::Worker, problem->sentence};
    parsed.emplace<TunnelRequest>().head.method = method;
  }
  auto& request = *std::get_if<TunnelRequest>(&parsed);
  if (!error) {
    error = judge(request);
  }
  std::unique_ptr<OriginRequest> task;
  const TunnelPlace place{&link, stream};
  if (request.kind == TunnelRequest::Kind::Connect) {
    task = std::make_unique<OriginRelay>(context, place, std::move(request), std::move(id));
  } else {
    task = std::make_unique<OriginExchange>(context, place, std::move(request), std::move(id));
  }
  OriginRequest& started = *task;
  started.set_slot(requests.size());
  requests.push_back(std::move(task));
  link.attach(stream, started);
  if (error) {
    started.refuse(*error);
  } else {
    started.begin();
  }
}

void OriginGateway::Core::on_request_finished(OriginRequest& request) {
  const std::size_t slot = request.slot();
  auto owned = std::exchange(requests[slot], std::move(requests.back()));
  requests.pop_back();
  if (slot < requests.size()) {
    requests[slot]->set_slot(slot);
  }
  if (context.settings.on_request_done &&
      logs(context.settings.config->log_http.proxy, owned->status())) {
    context.settings.on_request_done(owned->take_record());
  }
  context.loop.retire(std::move(owned));
}

void OriginGateway::Core::on_deadline_set(Instant deadline) {
  if (deadline < armed) {
    armed = deadline;
    timer.arm(armed);
  }
}

void OriginGateway::Core::wake() {
  armed = kNever;
  // Backwards, since one that finishes gives its slot to the last.
  for (std::size_t i = requests.size(); i-- > 0;) {
    if (i < requests.size()) {
      requests[i]->wake(context.loop.now());
    }
  }
  for (const auto& request : requests) {
    armed = std::min(armed, request->deadline());
  }
  timer.arm(armed);
}

OriginGateway::OriginGateway(EventLoop& loop,
                             const OriginGatewaySettings& settings,
                             OriginFigures& figures)
    : core_(std::make_unique<Core>(loop, settings, figures)) {}

OriginGateway::~OriginGateway() {
  while (!core_->requests.empty()) {
    core_->requests.back()->stop();
  }
}

void OriginGateway::serve(TunnelLink& link, StreamId stream, Fields head) {
  core_->serve(link, stream, std::move(head));
}

void OriginGateway::link_gone(TunnelLink& link) {
  std::vector<OriginRequest*> gone;
  for (const auto& request : core_->requests) {
    if (request->link() == &link) {
      gone.push_back(request.get());
    }
  }
  for (OriginRequest* request : gone) {
    request->abandon();
  }
}

void OriginGateway::forbid(const Endpoint& endpoint) {
  core_->forbid(endpoint);
}

std::size_t OriginGateway::active_requests() const {
  return core_->requests.size();
}

std::size_t OriginGateway::kept_connections() const {
  return core_->context.kept.size();
}

}  // namespace scpool::worker
