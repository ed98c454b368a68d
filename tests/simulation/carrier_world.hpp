// Two ends of a tunnel (HTTP/2 over carrier) and the connections between them, byte by byte, in a
// world where connections break, fall silent and arrive late. Every byte HTTP/2 gets is compared
// with what the other side's HTTP/2 gave.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.hpp"
#include "common/tunnel/carrier.hpp"
#include "common/tunnel/resumable_session.hpp"
#include "tests/unit/common/h2/h2_pair.hpp"

namespace scpool::simulation {

// One direction of a connection.
struct SimulatedPipe {
  std::string in_flight;
  std::size_t passed = 0;                 // bytes that arrived
  std::size_t limit = std::string::npos;  // the connection breaks once so many have arrived
  bool swallows = false;                  // what is written vanishes
};

struct SimulatedSocket {
  struct Request {
    std::string session;
    std::uint64_t epoch = 0;
    std::uint64_t received = 0;
    bool proof_is_right = true;
  };
  struct Answer {
    bool resumed = false;
    std::uint64_t received = 0;
  };
  std::optional<Request> request;  // on its way
  std::optional<Answer> answer;    // on its way
  SimulatedPipe up;                // to the server
  SimulatedPipe down;
  bool broken = false;
};

struct SimulatedEnd {
  SimulatedEnd(H2Role role, std::size_t cap)
      : h2(role, H2Pair::with_connect({})), carrier(Carrier::Mode::Records, cap) {}

  H2End h2;
  Carrier carrier;
  ResumableSession session;
  SimulatedSocket* socket = nullptr;  // null: cut
  std::string given;                  // by its HTTP/2, from the beginning
  bool over = false;
};

class CarrierWorld {
 public:
  CarrierWorld(std::uint64_t seed, std::size_t cap);

  // The worker's HTTP/2 answers `size` bytes to each request.
  void answer_requests(std::size_t size);
  void open_stream(std::size_t upload);

  // Each moves one thing on; false when there was nothing.
  bool write(SimulatedEnd& from, std::size_t most_record);
  bool deliver(SimulatedSocket& socket, SimulatedEnd& to, std::size_t most);
  void cut(SimulatedSocket& socket) { socket.broken = true; }
  void notice_cut(SimulatedEnd& end);
  // The worker comes over a new connection; it drops what it has.
  SimulatedSocket& dial();
  bool take_request(SimulatedSocket& socket);
  bool take_answer(SimulatedSocket& socket);
  void forget_session();  // of the server: the hold time is over

  // Everything flows, and what is cut is resumed, until nothing moves.
  void settle();
  bool all_done() const;  // every stream complete with its right bytes
  std::string problem() const;

  SimulatedEnd worker;
  SimulatedEnd server;
  std::vector<std::unique_ptr<SimulatedSocket>> sockets;
  Instant now{};
  Random random;
  std::size_t streams = 0;
  std::uint64_t replayed = 0;
  std::uint64_t resumes = 0;

 private:
  void note_problem(std::string text);
  SimulatedPipe& pipe_from(SimulatedSocket& socket, const SimulatedEnd& from) {
    return &from == &worker ? socket.up : socket.down;
  }
  SimulatedEnd& other(const SimulatedEnd& end) { return &end == &worker ? server : worker; }
  void receive(SimulatedEnd& end, std::string_view bytes);

  std::size_t answer_size_ = 0;
  std::size_t answered_ = 0;
  std::uint64_t last_epoch_ = 1;
  std::size_t cap_;
  std::string problem_;
};

}  // namespace scpool::simulation
