// What metrics and page show of a pool beyond its present state: bytes through each slot and how
// fast they pass, how long probes take, capacity lost, rollouts by result. Counts; decides nothing.
// Owned by the supervisor, told of every event. Not in the layout's list.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "supervisor/core/event_journal.hpp"
#include "supervisor/core/pool_events.hpp"

namespace scpool::supervisor {

inline constexpr Duration kTrafficPeriod = std::chrono::seconds{5};
inline constexpr std::size_t kTrafficSamples = 60;

// Bytes through one slot's workers, since the supervisor began.
struct SlotTraffic {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  // Both directions, bytes per second, one sample a period, the newest last.
  std::deque<double> rates;
  std::uint64_t counted = 0;  // in the samples so far
};

// Seconds, cumulative as Prometheus wants them.
class DurationHistogram {
 public:
  static constexpr std::array<double, 9> kBounds = {
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 2.5};

  void add(Duration duration);
  std::uint64_t at_most(std::size_t bound) const { return counts_.at(bound); }
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size()> counts_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

class PoolFigures {
 public:
  explicit PoolFigures(Instant now) : strength_at_(now), next_sample_(now + kTrafficPeriod) {}

  void note(const PoolEvent& event, Instant now);
  void note(const JournalEntry& entry);
  // After each event: from now on so many are ready.
  void note_strength(std::uint32_t ready, std::uint32_t size, Instant now);
  void note_probe(Duration duration) { probes_.add(duration); }

  const std::map<SlotIndex, SlotTraffic>& traffic() const { return traffic_; }
  // The sum over all slots, as SlotTraffic::rates.
  std::vector<double> total_rates() const;
  // Integral of the ready workers that were missing, once the pool had been at full strength.
  double lost_worker_seconds(Instant now) const;
  const DurationHistogram& probes() const { return probes_; }
  std::uint64_t probe_failures() const { return probe_failures_; }
  std::uint64_t events() const { return events_; }
  // "done", "failed", "cancelled"
  const std::map<std::string, std::uint64_t>& rollouts() const { return rollouts_; }

 private:
  struct Totals {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };

  void take_samples(Instant now);
  void count_bytes(const ProbeAnswered& probe);

  std::map<WorkerId, Totals> workers_;  // what each one said last
  std::map<SlotIndex, SlotTraffic> traffic_;
  DurationHistogram probes_;
  std::uint64_t probe_failures_ = 0;
  std::uint64_t events_ = 0;
  std::map<std::string, std::uint64_t> rollouts_ = {{"cancelled", 0}, {"done", 0}, {"failed", 0}};
  bool was_complete_ = false;
  std::uint32_t missing_ = 0;
  double lost_ = 0;
  Instant strength_at_;
  Instant next_sample_;
};

}  // namespace scpool::supervisor
