#include "worker/io/connection_set.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/base/text.hpp"

namespace scpool::worker {

namespace {

// RFC 9562 section 5.4: version 4, variant 10.
std::string random_uuid() {
  std::string digits = random_hex(16);
  digits[12] = '4';
  digits[16] = "89ab"[digits[16] % 4];
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" +
         digits.substr(16, 4) + "-" + digits.substr(20);
}

bool is_canary(const Fields& head) {
  return head.find(":path") == "/.well-known/tunnel-canary";
}

}  // namespace

ConnectionSet::ConnectionSet(EventLoop& loop,
                             const TlsContext& tls,
                             Log& log,
                             const ConnectionPlannerRule& rule,
                             const TunnelUse& use,
                             ConnectionSetEvents events)
    : loop_(loop),
      tls_(tls),
      log_(log),
      count_(rule.connections),
      use_(use),
      events_(std::move(events)),
      instance_(random_uuid()),
      planner_(rule, Random(random_seed())),
      wake_(loop, [this] { perform(planner_.wake(loop_.now())); }),
      finish_(loop),
      past_(rule.connections) {}

ConnectionSet::~ConnectionSet() = default;

void ConnectionSet::start(TunnelTarget target) {
  close_all();
  draining_ = false;
  target_ = std::move(target);
  perform(planner_.start(loop_.now()));
}

void ConnectionSet::drain(const std::string& reason, Duration grace) {
  planner_.stop();
  wake_.arm(kNever);
  draining_ = true;
  for (auto each = connections_.begin(); each != connections_.end();) {
    if (TunnelLink* link = (*each)->link()) {
      link->drain(reason, grace);
      ++each;
    } else {
      (*each)->close();
      loop_.retire(std::move(*each));
      each = connections_.erase(each);
    }
  }
  finish_if_empty();
}

void ConnectionSet::close_all() {
  planner_.stop();
  wake_.arm(kNever);
  finish_.cancel();
  for (std::unique_ptr<TunnelConnection>& connection : connections_) {
    count_bytes(*connection);
    if (TunnelLink* link = connection->link()) {
      events_.link_gone(*link);
    }
    connection->close();
    loop_.retire(std::move(connection));
  }
  connections_.clear();
}

void ConnectionSet::perform(const ConnectionActions& actions) {
  for (const ConnectionAction& action : actions) {
    if (const auto* next = std::get_if<DialConnection>(&action)) {
      next->resumes ? resume(*next, *next->resumes) : dial(*next);
    } else if (const auto* end = std::get_if<EndSession>(&action)) {
      ++resumes_["refused"];
      if (TunnelConnection* connection = find(end->connection, end->epoch)) {
        connection->give_up("the server does not know the session any more");
      }
    } else if (const auto* probe = std::get_if<ProbeConnection>(&action)) {
      if (TunnelConnection* connection = find(probe->connection, probe->epoch)) {
        connection->link()->probe();
      }
    } else if (const auto* replaced = std::get_if<DrainReplaced>(&action)) {
      drain_replaced(*replaced);
    }
  }
  wake_.arm(planner_.next_deadline());
  // Last, since the owner may start all over.
  for (const ConnectionAction& action : actions) {
    if (const auto* end = std::get_if<GiveUp>(&action)) {
      events_.gave_up(*end);
      return;
    }
  }
}

void ConnectionSet::network_changed(const std::set<std::string>& addresses) {
  std::vector<std::uint32_t> gone;
  for (const std::unique_ptr<TunnelConnection>& connection : connections_) {
    const std::optional<Endpoint>& local = connection->local();
    if (local && !addresses.empty() && !addresses.contains(local->address)) {
      gone.push_back(connection->index());
    }
  }
  log_.info("tunnel",
            "the network has changed",
            {{"gone", std::to_string(gone.size())},
             {"active", std::to_string(planner_.standing()) + "/" + std::to_string(count_)}});
  perform(planner_.network_changed(gone, loop_.now()));
}

void ConnectionSet::dial(const DialConnection& action) {
  ++dials_;
  log_.info("tunnel",
            "connecting to",
            {{"address", target_.host + ":" + std::to_string(target_.port)},
             {"conn", std::to_string(action.connection)},
             {"reason", std::string(to_text(action.reason))}});
  TunnelConnectionListener& self = *this;
  connections_.push_back(
      std::make_unique<TunnelConnection>(loop_,
                                         tls_,
                                         TunnelDialSettings{.host = target_.host,
                                                            .port = target_.port,
                                                            .tunnel = target_.tunnel,
                                                            .secret = target_.secret,
                                                            .instance = instance_,
                                                            .connection = action.connection,
                                                            .epoch = action.epoch,
                                                            .attempts = action.attempts,
                                                            .rotation = action.address,
                                                            .carrier = use_.carrier},
                                         use_,
                                         self));
}

void ConnectionSet::resume(const DialConnection& action, std::uint64_t session) {
  ++dials_;
  if (TunnelConnection* connection = find(action.connection, session)) {
    connection->resume(action.epoch, action.attempts);
  }
}

TunnelConnection* ConnectionSet::find(std::uint32_t connection, std::uint64_t epoch) {
  const auto found = std::find_if(connections_.begin(), connections_.end(), [&](const auto& each) {
    return each->index() == connection && each->epoch() == epoch && each->link() != nullptr;
  });
  return found == connections_.end() ? nullptr : found->get();
}

void ConnectionSet::drain_replaced(const DrainReplaced& action) {
  if (TunnelConnection* connection = find(action.connection, action.epoch)) {
    connection->link()->drain("replaced", action.grace);
  }
}

void ConnectionSet::remove(TunnelConnection& connection) {
  count_bytes(connection);
  const auto found = std::find_if(connections_.begin(), connections_.end(), [&](const auto& each) {
    return each.get() == &connection;
  });
  if (found != connections_.end()) {
    loop_.retire(std::move(*found));
    connections_.erase(found);
  }
}

void ConnectionSet::count_bytes(const TunnelConnection& connection) {
  if (const TunnelLink* link = connection.link()) {
    const TunnelLinkFigures figures = link->figures();
    past_[connection.index()].sent_bytes += figures.sent_bytes;
    past_[connection.index()].received_bytes += figures.received_bytes;
  }
}

void ConnectionSet::finish_if_empty() {
  if (draining_ && connections_.empty()) {
    finish_.start(Duration::zero(), [this] { events_.finished(); });
  }
}

void ConnectionSet::on_connected(TunnelConnection& connection) {
  const ConnectionActions actions = planner_.connected(
      connection.index(), connection.epoch(), loop_.now(), connection.resumable());
  if (connection.peer()) {
    server_ = connection.peer()->text();
  }
  past_[connection.index()].connect_duration = connection.connect_duration();
  log_.info("tunnel",
            "established connection",
            {{"address", server_},
             {"conn", std::to_string(connection.index())},
             {"active", std::to_string(planner_.standing()) + "/" + std::to_string(count_)},
             {"duration", rough_duration(connection.connect_duration())}});
  perform(actions);
  events_.connected(connection.peer().value_or(Endpoint{}));
}

void ConnectionSet::on_dial_failed(TunnelConnection& connection, const DialFailure& failure) {
  ++dial_errors_;
  const Instant now = loop_.now();
  const std::uint32_t index = connection.index();
  const ConnectionActions actions =
      planner_.dial_failed(index, connection.dial_epoch(), failure, now);
  const Duration retry = planner_.snapshot(now)[index].retry_in.value_or(Duration::zero());
  const std::initializer_list<LogField> fields = {{"conn", std::to_string(index)},
                                                  {"error", failure.sentence},
                                                  {"backoff", rough_duration(retry)}};
  if (connection.link() == nullptr) {
    log_.error("tunnel", "connect failed", fields);
    remove(connection);
  } else {  // its session waits for the next dial
    log_.info("tunnel", "connect failed, the session is kept", fields);
  }
  events_.dial_failed(failure.sentence);
  perform(actions);
}

void ConnectionSet::on_request(TunnelConnection& connection, StreamId stream, Fields head) {
  if (is_canary(head)) {
    connection.link()->respond(stream, Fields{{":status", "204"}}, true);
    planner_.canary_answered(connection.index(), connection.epoch(), loop_.now());
    return;
  }
  events_.request(*connection.link(), stream, std::move(head));
}

void ConnectionSet::on_control(TunnelConnection& connection, const ControlMessage& message) {
  if (const auto* drain = std::get_if<control::Drain>(&message)) {
    log_.info("tunnel",
              "the server drains the connection",
              {{"conn", std::to_string(connection.index())}, {"reason", drain->reason}});
    perform(planner_.server_drains(
        connection.index(), connection.epoch(), drain->deadline, loop_.now()));
    events_.changed();
  } else if (const auto* stats = std::get_if<control::Stats>(&message)) {
    events_.jobs_reported(stats->jobs);
  } else if (const auto* end = std::get_if<control::Delete>(&message)) {
    planner_.stop();
    wake_.arm(kNever);
    events_.gave_up({GiveUp::Why::Deleted, end->reason});
  }
}

void ConnectionSet::on_suspect(TunnelConnection& connection, bool suspect) {
  log_.info("tunnel",
            suspect ? "connection is suspect" : "connection has recovered",
            {{"conn", std::to_string(connection.index())}});
  if (suspect) {
    perform(planner_.became_suspect(connection.index(), connection.epoch(), loop_.now()));
  } else {
    planner_.recovered(connection.index(), connection.epoch());
    wake_.arm(planner_.next_deadline());
  }
}

void ConnectionSet::on_suspended(TunnelConnection& connection, const Error& why) {
  const TunnelLinkFigures figures = connection.link()->figures();
  const bool known = planner_.suspended(connection.index(), connection.epoch(), loop_.now());
  log_.info("tunnel",
            known ? "connection lost, resuming" : "connection lost",
            {{"conn", std::to_string(connection.index())},
             {"reason", why.sentence()},
             {"streams", std::to_string(figures.active_streams)},
             {"active", std::to_string(planner_.standing()) + "/" + std::to_string(count_)}});
  if (!known) {
    connection.give_up(why.sentence());
    return;
  }
  wake_.arm(planner_.next_deadline());
  events_.changed();
}

void ConnectionSet::on_resumed(TunnelConnection& connection,
                               Duration outage,
                               std::uint64_t replayed) {
  ++resumes_["resumed"];
  planner_.resumed(connection.index(), connection.epoch(), loop_.now());
  log_.info("tunnel",
            "connection resumed",
            {{"conn", std::to_string(connection.index())},
             {"after", rough_duration(outage)},
             {"replayed", std::to_string(replayed)},
             {"active", std::to_string(planner_.standing()) + "/" + std::to_string(count_)}});
  wake_.arm(planner_.next_deadline());
  events_.connected(connection.peer().value_or(Endpoint{}));
}

void ConnectionSet::on_closed(TunnelConnection& connection, const Error& error) {
  ++closed_;
  resumes_["ended"] += connection.link()->figures().suspended ? 1U : 0U;
  events_.link_gone(*connection.link());
  const ConnectionActions actions =
      planner_.closed(connection.index(), connection.epoch(), loop_.now());
  log_.info("tunnel",
            "connection closed",
            {{"conn", std::to_string(connection.index())},
             {"reason", error.sentence()},
             {"active", std::to_string(planner_.standing()) + "/" + std::to_string(count_)}});
  remove(connection);
  perform(actions);
  events_.changed();
  finish_if_empty();
}

std::vector<ConnectionFigures> ConnectionSet::figures() const {
  std::vector<ConnectionFigures> list = past_;
  for (const std::unique_ptr<TunnelConnection>& connection : connections_) {
    if (const TunnelLink* link = connection->link()) {
      const TunnelLinkFigures now = link->figures();
      ConnectionFigures& entry = list[connection->index()];
      entry.sent_bytes += now.sent_bytes;
      entry.received_bytes += now.received_bytes;
      entry.active_streams += now.active_streams;
      entry.replay_bytes += now.replay_bytes;
      entry.round_trip = now.round_trip;
    }
  }
  return list;
}

std::size_t ConnectionSet::active_streams() const {
  std::size_t count = 0;
  for (const std::unique_ptr<TunnelConnection>& connection : connections_) {
    if (const TunnelLink* link = connection->link()) {
      count += link->figures().active_streams;
    }
  }
  return count;
}

}  // namespace scpool::worker
