// The resumable byte stream between HTTP/2 and TLS (engineering notes section 4). HTTP/2 bytes go
// out in records; what the peer has not acknowledged is kept, and after a cut of the connection
// both ends go on from the other's offset. Pure: bytes in, bytes out, time is passed in. Without
// records (Mode::Plain) the bytes pass as they are and nothing can be resumed.
#pragma once

#include <optional>
#include <vector>

#include "common/base/limits.hpp"
#include "common/base/time.hpp"
#include "common/tunnel/carrier_record.hpp"
#include "common/tunnel/replay_buffer.hpp"

namespace scpool {

// What each of a process's carriers may keep: its share of a quarter of the memory, within the
// bounds of limits.hpp.
std::size_t carrier_cap(std::uint64_t memory, std::size_t carriers);

class Carrier {
 public:
  enum class Mode { Records, Plain };
  enum class End : std::uint8_t { Done = 0, Failed = 1 };

  explicit Carrier(Mode mode, std::size_t cap = limits::kCarrierCap);

  bool resumable() const { return mode_ == Mode::Records && !fin_wanted_ && !peer_finished_; }

  // How many HTTP/2 bytes may be accepted now: as much as fits under the cap.
  std::size_t send_room() const;
  void accept(ByteQueue& h2_bytes);
  // Accepted and not yet written to this connection.
  std::size_t unwritten() const { return replay_.unwritten(); }
  // Nothing is accepted any more; a FIN follows what is here.
  void finish(End reason);

  // Writes one record of at most `most` bytes, head included, and what is due beside it (ACK, PONG,
  // FIN) in front or behind. The views are valid during the call of `write`; one call, one record
  // of TLS. False when nothing is due. most > kCarrierHead.
  using Write = ReplayBuffer::Write;
  bool write_record(std::size_t most, Instant now, const Write& write);
  std::uint64_t owed_bytes() const { return received_ - acked_; }  // received, not acknowledged
  // When an ACK is due that nothing took along; kNever when none is.
  Instant next_deadline() const { return ack_due_; }

  // How long an ACK may wait for something to ride along with. A peer that is owed much gets it
  // at once, and a shorter delay holds from the next byte received.
  void set_ack_delay(Duration delay) { ack_delay_ = delay; }

  // Takes what TLS delivered and appends the HTTP/2 bytes in it, parts of `wire`, to `payload`. An
  // error is fatal and the connection not resumable.
  Result<void> receive(ByteView wire, Instant now, std::vector<ByteView>& payload);
  bool peer_finished() const { return peer_finished_; }

  // The connection is gone: what of a record was under way is void.
  void interrupt();
  // Whether a peer that has received so many bytes can be served: they were sent, and what follows
  // is still here.
  bool can_resume(std::uint64_t peer_received) const;
  // On a new connection; writing goes on from there. The number of bytes that are sent again.
  std::uint64_t resume(std::uint64_t peer_received);

  std::uint64_t received() const { return received_; }  // of HTTP/2, from the beginning
  std::uint64_t sent() const { return sent_; }
  std::uint64_t acknowledged() const { return replay_.oldest(); }
  std::size_t held_bytes() const { return replay_.memory(); }

 private:
  Result<void> take(const CarrierRecordReader::Piece& piece, Instant now);
  Result<void> take_ack(std::uint64_t offset);
  void add_record(CarrierRecord type, ByteView payload);
  void add_ack_if_due(Instant now);

  Mode mode_;
  std::size_t cap_;
  ReplayBuffer replay_;
  std::uint64_t sent_ = 0;  // the furthest that was ever written
  Bytes control_;           // records without offsets, to go first
  std::optional<End> fin_wanted_;
  bool fin_written_ = false;

  CarrierRecordReader reader_;
  std::uint64_t received_ = 0;
  std::uint64_t acked_ = 0;  // what we told the peer
  bool ack_asked_ = false;
  Duration ack_delay_ = limits::kCarrierAckDelay;
  Instant ack_due_ = kNever;
  bool peer_finished_ = false;
};

}  // namespace scpool
