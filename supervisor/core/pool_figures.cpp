#include "supervisor/core/pool_figures.hpp"

#include <algorithm>

namespace scpool::supervisor {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// A counter that went down began anew (a connection was replaced).
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

}  // namespace

void DurationHistogram::add(Duration duration) {
  const double value = seconds(duration);
  for (std::size_t bound = 0; bound < kBounds.size(); ++bound) {
    counts_.at(bound) += value <= kBounds.at(bound) ? 1U : 0U;
  }
  count_ += 1;
  sum_ += value;
}

void PoolFigures::note(const PoolEvent& event, Instant now) {
  take_samples(now);
  if (const auto* probe = std::get_if<ProbeAnswered>(&event)) {
    count_bytes(*probe);
  } else if (std::holds_alternative<ProbeFailed>(event)) {
    probe_failures_ += 1;
  } else if (const auto* end = std::get_if<WorkerExited>(&event)) {
    workers_.erase(end->worker);
  }
}

void PoolFigures::note(const JournalEntry& entry) {
  events_ += 1;
  constexpr std::pair<ReasonKind, const char*> kResults[] = {
      {ReasonKind::RolloutDone, "done"},
      {ReasonKind::RolloutFailed, "failed"},
      {ReasonKind::RolloutCancelled, "cancelled"}};
  for (const auto& [reason, result] : kResults) {
    if (!entry.worker.has_value() && entry.reason == to_text(reason)) {
      rollouts_[result] += 1;
    }
  }
}

void PoolFigures::count_bytes(const ProbeAnswered& probe) {
  Totals& last = workers_[probe.worker];
  SlotTraffic& slot = traffic_[probe.worker.slot];
  slot.sent += growth(last.sent, probe.sent_bytes);
  slot.received += growth(last.received, probe.received_bytes);
  last = {probe.sent_bytes, probe.received_bytes};
}

// Between two probes a slot's bytes are not known; the sample holds what the probes found.
void PoolFigures::take_samples(Instant now) {
  if (now < next_sample_) {
    return;
  }
  const Duration late = now - next_sample_;
  const auto samples = static_cast<std::size_t>(1 + late / kTrafficPeriod);
  next_sample_ += kTrafficPeriod * static_cast<Duration::rep>(samples);
  for (auto& [slot, traffic] : traffic_) {
    const std::uint64_t total = traffic.sent + traffic.received;
    const double rate = static_cast<double>(total - traffic.counted) /
                        (seconds(kTrafficPeriod) * static_cast<double>(samples));
    traffic.counted = total;
    traffic.rates.insert(traffic.rates.end(), std::min(samples, kTrafficSamples), rate);
    while (traffic.rates.size() > kTrafficSamples) {
      traffic.rates.pop_front();
    }
  }
}

void PoolFigures::note_strength(std::uint32_t ready, std::uint32_t size, Instant now) {
  lost_ = lost_worker_seconds(now);
  strength_at_ = now;
  was_complete_ = was_complete_ || ready >= size;
  missing_ = was_complete_ && ready < size ? size - ready : 0;
}

double PoolFigures::lost_worker_seconds(Instant now) const {
  return lost_ + missing_ * seconds(now - strength_at_);
}

std::vector<double> PoolFigures::total_rates() const {
  std::size_t longest = 0;
  for (const auto& [slot, traffic] : traffic_) {
    longest = std::max(longest, traffic.rates.size());
  }
  std::vector<double> total(longest, 0.0);
  for (const auto& [slot, traffic] : traffic_) {
    const std::size_t missing = longest - traffic.rates.size();
    for (std::size_t index = 0; index < traffic.rates.size(); ++index) {
      total[missing + index] += traffic.rates[index];
    }
  }
  return total;
}

}  // namespace scpool::supervisor
