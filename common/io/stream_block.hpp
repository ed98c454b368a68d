// What a Stream keeps on the loop: socket, watcher, TLS session and queue. It outlives its Stream
// until the end of the loop's turn, so a Stream may go from inside any callback of its own.
// Extra to the layout because stream.cpp (what owners call), stream_pump.cpp (what the
// loop calls) and stream_output.cpp share it. For these sources only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/socket_address.hpp"
#include "common/io/stream.hpp"
#include "common/io/timer.hpp"

struct uv_poll_s;

namespace scpool {

struct Stream::Block {
  explicit Block(EventLoop& owner) : loop(&owner), later(owner) {}

  EventLoop* loop;
  uv_poll_s* poll = nullptr;
  Timer later;  // for the next turn: what no event of the socket leads to
  StreamListener* listener = nullptr;
  std::optional<TlsSession> session;
  ByteQueue pending;  // plain bytes not sent yet; under TLS those from before the handshake's end
  std::function<void()> sent_action;
  std::string target;  // while connecting: what it connects to, for the error
  std::size_t sent_before_path_look = 0;
  std::optional<Error> broken;  // writing is over; told once everything readable has been read
  int descriptor = -1;
  int interest = 0;  // what the watcher waits for
  // Whether reads wait for the owner, and what he knows of bytes that are there.
  enum class Demand : std::uint8_t { None, Waiting, Told, Unanswered };
  Demand demand = Demand::None;
  bool connecting = false;
  bool shaking_hands = false;
  bool paused = false;
  bool corked = false;
  bool held_back = false;  // the session has bytes that nobody wanted when they came
  bool read_ended = false;
  bool end_wanted = false;
  bool end_sent = false;
  bool above_high = false;
  bool hung_up = false;  // the kernel has nothing more to report
  bool failed = false;   // on_failed was called
  bool closed = false;   // the Stream is gone, or was reset

  // Made for `target`; a failure is told in a later turn.
  static std::unique_ptr<Block> connect(EventLoop& loop,
                                        std::string target,
                                        const Result<SocketAddress>& address);
  // Takes over an open socket, or -1 with `broken` set.
  void watch(int socket);
  // Closes the socket; nothing is called any more. The block itself is retired by its owner.
  void close();

  std::size_t unsent() const;  // of what goes to the socket as it is
  std::size_t queued() const;
  void note_level();
  // Sends or queues; the caller has checked that the connection is open.
  void write(std::span<const ByteView> parts);
  // Connected, and not waiting for the kernel to have room again.
  bool may_push() const;
  // Sends what the kernel takes; calls nobody.
  void push_out();
  void start_handshake();
  std::size_t read_now(Room room);
  // Waits for more than before; what became needless stays until the next event.
  void widen_interest();

 private:
  void write_encrypted(std::span<const ByteView> parts);
  void write_plain(std::span<const ByteView> parts);
  // How much of it the kernel took; 0 when it takes nothing now or the connection broke.
  std::size_t send_now(std::span<const ByteView> parts);
  void count_sent(std::size_t bytes);
  static void on_poll(uv_poll_s* handle, int status, int events) noexcept;
  void turn(int events);
  int wanted_interest() const;
  void set_interest(int events);
  bool finish_connect();
  bool finish_handshake();
  bool report_sent();
  void tell_readable();
  void read();
  bool deliver(ByteView bytes);
  bool deliver_decrypted();
  void deliver_later();
  void take_receive_error(int error);
  void take_end();
  void take_hang_up();
  void break_off(Error error);
  void fail(const Error& error);
  bool alive() const { return !closed && !failed; }
  bool wants_bytes() const {
    return !read_ended && (shaking_hands || (!paused && listener != nullptr &&
                                             (demand != Demand::Unanswered || broken)));
  }
};

}  // namespace scpool
