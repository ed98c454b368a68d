#include "common/tunnel/carrier.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "common/base/check.hpp"

namespace scpool {
namespace {

// More answers than this wait only when the peer asks without reading.
constexpr std::size_t kMaxControl = 64 * 1024;

}  // namespace

std::size_t carrier_cap(std::uint64_t memory, std::size_t carriers) {
  const std::uint64_t budget = std::min<std::uint64_t>(memory / 4, limits::kMaxCarrierBudget);
  const std::uint64_t share = budget / std::max<std::size_t>(carriers, 1);
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(share, limits::kMinCarrierCap, limits::kCarrierCap));
}

Carrier::Carrier(Mode mode, std::size_t cap) : mode_(mode), cap_(cap) {}

std::size_t Carrier::send_room() const {
  const std::size_t used = std::max(replay_.size(), replay_.memory());
  return fin_wanted_ || used >= cap_ ? 0 : cap_ - used;
}

void Carrier::accept(ByteQueue& h2_bytes) {
  if (fin_wanted_) {
    h2_bytes.clear();
  } else {
    replay_.append(h2_bytes);
  }
}

void Carrier::finish(End reason) {
  if (!fin_wanted_) {
    fin_wanted_ = reason;
  }
}

void Carrier::add_record(CarrierRecord type, ByteView payload) {
  const CarrierHead head = carrier_head(type, payload.size());
  control_.insert(control_.end(), head.begin(), head.end());
  control_.insert(control_.end(), payload.begin(), payload.end());
}

// Late enough to be rare, early enough that the peer's store stays small; for nothing when other
// bytes go anyway.
void Carrier::add_ack_if_due(Instant now) {
  const bool rides_along = replay_.unwritten() > 0 || !control_.empty();
  const std::uint64_t news = received_ - acked_;
  if (ack_asked_ || (news > 0 && (rides_along || now >= ack_due_)) ||
      news >= limits::kCarrierAckBytes) {
    add_record(CarrierRecord::Ack, carrier_number(received_));
    acked_ = received_;
    ack_asked_ = false;
    ack_due_ = kNever;
  }
}

bool Carrier::write_record(std::size_t most, Instant now, const Write& write) {
  if (mode_ == Mode::Plain) {
    const std::size_t size = replay_.next_size(most);
    if (size > 0) {
      replay_.write({}, {}, size, write);
      replay_.drop_before(replay_.cursor());
      sent_ = replay_.cursor();
    }
    return size > 0;
  }
  add_ack_if_due(now);
  const std::size_t size = replay_.next_size(
      std::min(most, limits::kCarrierHead + limits::kCarrierPayload) - limits::kCarrierHead);
  if (size == 0 && fin_wanted_ && !fin_written_) {
    fin_written_ = true;
    const auto reason = static_cast<std::uint8_t>(*fin_wanted_);
    add_record(CarrierRecord::Fin, {&reason, 1});
  }
  if (!control_.empty() && (size == 0 || control_.size() + limits::kCarrierHead + size > most)) {
    const ByteView alone = control_;
    write({&alone, 1});
    control_.clear();
    return true;
  }
  if (size == 0) {
    return false;
  }
  replay_.write(control_, carrier_head(CarrierRecord::Data, size), size, write);
  control_.clear();
  sent_ = std::max(sent_, replay_.cursor());
  return true;
}

Result<void> Carrier::receive(ByteView wire, Instant now, std::vector<ByteView>& payload) {
  if (mode_ == Mode::Plain) {
    payload.push_back(wire);
    received_ += wire.size();
    return {};
  }
  while (true) {
    const Result<std::optional<CarrierRecordReader::Piece>> piece = reader_.next(wire);
    if (!piece.ok()) {
      return piece.error();
    }
    if (!piece.value().has_value()) {
      return {};
    }
    if (piece.value()->type == CarrierRecord::Data) {
      payload.push_back(piece.value()->bytes);
    }
    if (Result<void> taken = take(*piece.value(), now); !taken.ok()) {
      return taken;
    }
  }
}

Result<void> Carrier::take(const CarrierRecordReader::Piece& piece, Instant now) {
  switch (piece.type) {
    case CarrierRecord::Data:
      received_ += piece.bytes.size();
      ack_due_ = std::min(ack_due_, now + ack_delay_);
      return {};
    case CarrierRecord::Ack:
      return take_ack(carrier_number(piece.bytes));
    case CarrierRecord::Ping:
      if (control_.size() > kMaxControl) {
        return Error(ErrorKind::Protocol, "carrier: the peer asks more than it reads");
      }
      add_record(CarrierRecord::Pong, piece.bytes);
      ack_asked_ = true;
      return {};
    case CarrierRecord::Pong:
      return {};
    case CarrierRecord::Fin:
      peer_finished_ = true;
      return {};
  }
  return {};
}

Result<void> Carrier::take_ack(std::uint64_t offset) {
  if (offset < replay_.oldest() || offset > replay_.cursor()) {
    return Error(ErrorKind::Protocol,
                 "carrier: an acknowledgement of " + std::to_string(offset) + ", between " +
                     std::to_string(replay_.oldest()) + " and " + std::to_string(replay_.cursor()) +
                     " was sent");
  }
  replay_.drop_before(offset);
  return {};
}

void Carrier::interrupt() {
  reader_.reset();
  control_.clear();
  ack_asked_ = false;
  ack_due_ = kNever;
}

bool Carrier::can_resume(std::uint64_t peer_received) const {
  return resumable() && peer_received >= replay_.oldest() && peer_received <= sent_;
}

std::uint64_t Carrier::resume(std::uint64_t peer_received) {
  SCPOOL_CHECK(can_resume(peer_received));
  interrupt();
  // The peer learned our offset with the new connection.
  acked_ = received_;
  replay_.rewind(peer_received);
  replay_.drop_before(peer_received);
  return sent_ - peer_received;
}

}  // namespace scpool
