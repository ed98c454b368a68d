#include "tests/simulation/carrier_world.hpp"

#include <algorithm>
#include <utility>

namespace scpool::simulation {
namespace {

constexpr std::size_t kPullTarget = 64 * 1024;
constexpr std::size_t kWireHigh = 128 * 1024;
// What may lie above the cap: one frame that HTTP/2 does not cut, and a chunk hardly used.
constexpr std::size_t kSlack = 256 * 1024;

std::string body_of(StreamId stream, std::size_t size, char side) {
  std::string body(size, side);
  for (std::size_t i = 0; i < size; ++i) {
    const auto start = static_cast<std::size_t>(stream.value + side);
    body[i] = static_cast<char>((i * 2654435761U + start) >> 7U);
  }
  return body;
}

}  // namespace

CarrierWorld::CarrierWorld(std::uint64_t seed, std::size_t cap)
    : worker(H2Role::Server, cap), server(H2Role::Client, cap), random(seed), cap_(cap) {
  for (SimulatedEnd* end : {&worker, &server}) {
    end->session = {"session", Bytes(32, 7), last_epoch_};
  }
  SimulatedSocket& first = *sockets.emplace_back(std::make_unique<SimulatedSocket>());
  worker.socket = &first;
  server.socket = &first;
}

void CarrierWorld::note_problem(std::string text) {
  if (problem_.empty()) {
    problem_ = std::move(text);
  }
}

std::string CarrierWorld::problem() const {
  return problem_;
}

void CarrierWorld::answer_requests(std::size_t size) {
  answer_size_ = size;
}

void CarrierWorld::open_stream(std::size_t upload) {
  Result<StreamId> stream =
      server.h2.session.open(request_head("/", upload > 0 ? "POST" : "GET"), upload == 0);
  if (!stream.ok()) {
    return;
  }
  ++streams;
  if (upload > 0) {
    server.h2.session.send(stream.value(), as_bytes(body_of(stream.value(), upload, 's')), true);
  }
}

bool CarrierWorld::write(SimulatedEnd& from, std::size_t most_record) {
  if (from.socket == nullptr || from.over) {
    return false;
  }
  if (from.carrier.unwritten() < kPullTarget) {
    ByteQueue pulled;
    from.h2.session.pull(pulled, std::min(kPullTarget, from.carrier.send_room()));
    from.given += pulled.to_string();
    from.carrier.accept(pulled);
    from.h2.note(from.h2.session.take_events());
  }
  if (from.carrier.held_bytes() > cap_ + kSlack) {
    note_problem("more is held than the cap allows");
  }
  SimulatedPipe& pipe = pipe_from(*from.socket, from);
  bool wrote = false;
  while (pipe.in_flight.size() < kWireHigh &&
         from.carrier.write_record(most_record, now, [&](std::span<const ByteView> parts) {
           for (const ByteView part : parts) {
             if (!pipe.swallows && !from.socket->broken) {
               pipe.in_flight.append(as_text(part));
             }
           }
         })) {
    wrote = true;
  }
  return wrote;
}

bool CarrierWorld::deliver(SimulatedSocket& socket, SimulatedEnd& to, std::size_t most) {
  SimulatedPipe& pipe = pipe_from(socket, other(to));
  // The bytes come behind the upgrade and its answer.
  const bool behind = &to == &worker ? socket.answer.has_value() : socket.request.has_value();
  if (pipe.in_flight.empty() || socket.broken || behind) {
    return false;
  }
  const std::size_t count = std::min({most, pipe.in_flight.size(), pipe.limit - pipe.passed});
  const std::string bytes = pipe.in_flight.substr(0, count);
  pipe.in_flight.erase(0, count);
  pipe.passed += count;
  socket.broken = pipe.passed >= pipe.limit;
  if (to.socket == &socket && !to.over) {
    receive(to, bytes);
  }
  return true;
}

void CarrierWorld::receive(SimulatedEnd& end, std::string_view bytes) {
  const std::uint64_t before = end.carrier.received();
  std::vector<ByteView> payload;
  const Result<void> result = end.carrier.receive(as_bytes(bytes), now, payload);
  if (!result.ok()) {
    note_problem(result.error().sentence());
    return;
  }
  std::uint64_t offset = before;
  for (const ByteView part : payload) {
    if (other(end).given.compare(offset, part.size(), as_text(part)) != 0) {
      note_problem("other bytes than were given, from " + std::to_string(offset));
      return;
    }
    offset += part.size();
    Result<std::vector<H2Event>> events = end.h2.session.receive(part);
    if (!events.ok()) {
      note_problem(events.error().sentence());
      return;
    }
    end.h2.note(std::move(events).value());
  }
  for (; &end == &worker && answered_ < worker.h2.order.size(); ++answered_) {
    const StreamId stream = worker.h2.order[answered_];
    worker.h2.session.respond(stream, response_head(), false);
    worker.h2.session.send(stream, as_bytes(body_of(stream, answer_size_, 'w')), true);
  }
}

void CarrierWorld::notice_cut(SimulatedEnd& end) {
  end.socket = nullptr;
  end.carrier.interrupt();
}

SimulatedSocket& CarrierWorld::dial() {
  notice_cut(worker);
  SimulatedSocket& socket = *sockets.emplace_back(std::make_unique<SimulatedSocket>());
  socket.request = {worker.session.id, ++last_epoch_, worker.carrier.received(), true};
  return socket;
}

// As sc-server does it: judge first, then retire the old connection, then go on.
bool CarrierWorld::take_request(SimulatedSocket& socket) {
  if (!socket.request || socket.broken) {
    return false;
  }
  const SimulatedSocket::Request request = *std::exchange(socket.request, std::nullopt);
  const Bytes expected(32, 1);
  const Bytes proof(32, request.proof_is_right ? 1 : 2);
  const bool known = !server.over && request.session == server.session.id;
  if (!known ||
      judge_resume(server.session,
                   request.epoch,
                   proof,
                   expected,
                   server.carrier.can_resume(request.received)) != ResumeVerdict::Accepted) {
    socket.answer = SimulatedSocket::Answer{};
    return true;
  }
  notice_cut(server);
  socket.answer = SimulatedSocket::Answer{true, server.carrier.received()};
  server.session.epoch = request.epoch;
  replayed += server.carrier.resume(request.received);
  server.socket = &socket;
  ++resumes;
  return true;
}

// Only the last dial of the worker is awaited.
bool CarrierWorld::take_answer(SimulatedSocket& socket) {
  if (!socket.answer || socket.broken || worker.over) {
    return false;
  }
  const SimulatedSocket::Answer answer = *std::exchange(socket.answer, std::nullopt);
  if (&socket != sockets.back().get() || worker.socket != nullptr) {
    return true;
  }
  if (!answer.resumed) {
    worker.over = true;  // refused: a new session would begin
  } else if (!worker.carrier.can_resume(answer.received)) {
    note_problem("the server goes on from a place that the worker does not have");
  } else {
    replayed += worker.carrier.resume(answer.received);
    worker.socket = &socket;
  }
  return true;
}

void CarrierWorld::forget_session() {
  if (server.socket == nullptr) {
    server.over = true;
  }
}

void CarrierWorld::settle() {
  for (bool moved = true; moved && problem_.empty();) {
    now += std::chrono::milliseconds{30};
    moved = false;
    for (SimulatedEnd* end : {&worker, &server}) {
      if (end->socket != nullptr && end->socket->broken) {
        notice_cut(*end);
      }
    }
    if (worker.socket == nullptr && !worker.over) {
      SimulatedSocket& fresh = dial();
      take_request(fresh);
      take_answer(fresh);
      moved = true;
    }
    if (worker.socket == nullptr) {
      return;
    }
    for (SimulatedEnd* end : {&worker, &server}) {
      moved = write(*end, 16 * 1024) || moved;
      if (end->socket != nullptr) {
        moved = deliver(*end->socket, *end, 64 * 1024) || moved;
      }
    }
  }
}

bool CarrierWorld::all_done() const {
  std::size_t complete = 0;
  for (const auto& [stream, seen] : server.h2.seen) {
    const auto asked = worker.h2.seen.find(stream);
    const bool right = seen.ended && seen.body == body_of(stream, answer_size_, 'w') &&
                       asked != worker.h2.seen.end() && asked->second.ended &&
                       asked->second.body == body_of(stream, asked->second.body.size(), 's');
    complete += right ? 1 : 0;
  }
  return complete == streams;
}

}  // namespace scpool::simulation
