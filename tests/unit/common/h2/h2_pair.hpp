// Two sessions wired back to back over memory, and the books a test keeps of what they said. The
// test decides when bytes move and what is consumed.
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/h2/h2_session.hpp"

namespace scpool {

inline Fields request_head(std::string path = "/", std::string method = "GET") {
  return {{":method", std::move(method)},
          {":scheme", "http"},
          {":authority", "site.test"},
          {":path", std::move(path)}};
}

inline Fields response_head(std::string status = "200") {
  return {{":status", std::move(status)}};
}

// What one end saw of one stream.
struct SeenStream {
  std::vector<Fields> heads;
  std::string body;
  std::size_t body_size = 0;
  std::optional<Fields> trailers;
  bool ended = false;
  bool space = false;
  std::optional<H2Code> closed;
};

enum class Consume { AtOnce, ByTest };
enum class Keep { Bodies, Sizes };

struct H2End {
  H2End(H2Role role, const H2Settings& own) : session(role, own) {}

  void note(std::vector<H2Event> events) {
    for (H2Event& event : events) {
      note(event);
    }
  }
  void note(H2Event& event) {
    if (auto* request = std::get_if<h2::RequestReceived>(&event)) {
      order.push_back(request->stream);
      seen[request->stream].heads.push_back(std::move(request->head));
    } else if (auto* head = std::get_if<h2::HeadReceived>(&event)) {
      seen[head->stream].heads.push_back(std::move(head->head));
    } else if (const auto* data = std::get_if<h2::DataReceived>(&event)) {
      SeenStream& stream = seen[data->stream];
      stream.body_size += data->data.size();
      if (keep == Keep::Bodies) {
        stream.body += as_text(data->data);
      }
      if (consume == Consume::AtOnce && !stalled.contains(data->stream)) {
        session.consumed(data->stream, data->data.size());
      }
    } else if (auto* trailers = std::get_if<h2::TrailersReceived>(&event)) {
      seen[trailers->stream].trailers = std::move(trailers->trailers);
    } else if (const auto* end = std::get_if<h2::EndReceived>(&event)) {
      seen[end->stream].ended = true;
    } else if (const auto* space = std::get_if<h2::SendSpace>(&event)) {
      seen[space->stream].space = true;
    } else if (const auto* closed = std::get_if<h2::StreamClosed>(&event)) {
      seen[closed->stream].closed = closed->code;
    } else if (const auto* ping = std::get_if<h2::PingAcknowledged>(&event)) {
      pings.push_back(ping->opaque);
    } else if (const auto* goaway = std::get_if<h2::GoawayReceived>(&event)) {
      goaways.push_back(*goaway);
    } else {
      ++settings;
    }
  }

  H2Session session;
  BodySource* source = nullptr;
  Consume consume = Consume::AtOnce;
  Keep keep = Keep::Bodies;
  std::set<StreamId> stalled;  // never consumed
  std::map<StreamId, SeenStream> seen;
  std::vector<StreamId> order;
  std::vector<std::uint64_t> pings;
  std::vector<h2::GoawayReceived> goaways;
  int settings = 0;
  std::optional<Error> error;
};

struct H2Pair {
  explicit H2Pair(const H2Settings& of_worker = {}, const H2Settings& of_server = {})
      : client(H2Role::Client, of_server), server(H2Role::Server, with_connect(of_worker)) {
    run();
  }
  static H2Settings with_connect(H2Settings settings) {
    settings.enable_connect_protocol = true;
    return settings;
  }

  // Moves at most about `target` bytes one way, in pieces of `cut`. True when anything moved.
  static bool move(H2End& from,
                   H2End& to,
                   std::size_t target = 128 * 1024,
                   std::size_t cut = 64 * 1024) {
    ByteQueue wire;
    from.session.pull(wire, target, from.source);
    from.note(from.session.take_events());
    const bool moved = !wire.empty();
    while (!wire.empty()) {
      const ByteView piece = wire.front().first(std::min(cut, wire.front().size()));
      Result<std::vector<H2Event>> events = to.session.receive(piece);
      if (events.ok()) {
        to.note(std::move(events).value());
      } else {
        to.error = events.error();
      }
      wire.drop(piece.size());
    }
    return moved;
  }
  bool turn(std::size_t target = 128 * 1024, std::size_t cut = 64 * 1024) {
    const bool there = move(client, server, target, cut);
    const bool back = move(server, client, target, cut);
    return there || back;
  }
  void run(std::size_t target = 128 * 1024, std::size_t cut = 64 * 1024) {
    while (turn(target, cut)) {
    }
  }

  H2End client;  // sc-server
  H2End server;  // worker
};

}  // namespace scpool
