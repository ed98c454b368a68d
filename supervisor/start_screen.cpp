#include "supervisor/start_screen.hpp"

#include <algorithm>
#include <array>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kShortId = 8;

std::string worker_name(const WorkerSnapshot& worker) {
  return "worker " + std::to_string(worker.worker.slot.value);
}

std::string last_line(const VacantSlotSnapshot& slot) {
  return slot.last_lines.empty() ? "" : ": " + slot.last_lines.back();
}

std::string count_text(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

void StartScreen::begin(std::string_view sentence) {
  terminal_.print(sentence);
  terminal_.print("");
  show_live();
}

std::string StartScreen::pictogram() const {
  constexpr std::array<std::string_view, 10> kPictures = {
      "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  return std::string(kPictures[picture_ % kPictures.size()]);
}

void StartScreen::show_live() {
  if (live_.empty()) {
    terminal_.clear_live();
  } else {
    terminal_.show_live("  " + terminal_.styled(Style::Warning, pictogram()) + " " +
                        terminal_.styled(Style::Faint, live_));
  }
}

void StartScreen::tick() {
  ++picture_;
  show_live();
}

void StartScreen::close() {
  live_.clear();
  terminal_.clear_live();
}

void StartScreen::server_serving(const LocalFacts& local, Duration after) {
  terminal_.print("  " + terminal_.styled(Style::Good, "✓") + " server    ready in " +
                  padded(rough_duration(after), 8) +
                  terminal_.styled(Style::Faint, local.rest_url));
}

void StartScreen::show(const PoolSnapshot& pool) {
  switch (phase_) {
    case Phase::Starting:
      show_starting(pool);
      break;
    case Phase::Serving:
      show_serving(pool);
      break;
    case Phase::Draining: {
      std::uint64_t jobs = 0;
      std::uint64_t streams = 0;
      for (const WorkerSnapshot& worker : pool.workers) {
        jobs += worker.jobs;
        streams += worker.streams;
      }
      live_ = "draining: " + count_text(pool.workers.size(), "worker") + " still up, " +
              count_text(jobs, "job") + ", " + count_text(streams, "stream");
      if (jobs > 0 && streams == 0) {
        live_ += "; the server ends idle jobs after a while";
      }
      break;
    }
  }
  known_.clear();
  for (const WorkerSnapshot& worker : pool.workers) {
    known_[worker.worker] = worker.state;
  }
  show_live();
}

void StartScreen::show_starting(const PoolSnapshot& pool) {
  for (const WorkerSnapshot& worker : pool.workers) {
    const auto known = known_.find(worker.worker);
    const bool was_ready = known != known_.end() && known->second == WorkerState::Ready;
    if (worker.state == WorkerState::Ready && !was_ready) {
      terminal_.print(
          "  " + terminal_.styled(Style::Good, "✓") + " " + padded(worker_name(worker), 10) +
          "ready in " + padded(rough_duration(worker.since - worker.started_at), 8) +
          terminal_.styled(Style::Faint, "tunnel " + worker.tunnel.value.substr(0, kShortId)));
    }
  }
  for (const VacantSlotSnapshot& slot : pool.vacant) {
    std::uint32_t& shown = failures_[slot.slot];
    if (slot.new_failures > shown && slot.last_cause.has_value()) {
      terminal_.print("  " + terminal_.styled(Style::Bad, "✗") + " worker " +
                      std::to_string(slot.slot.value) + "  " +
                      std::string(to_text(*slot.last_cause)) + last_line(slot));
    }
    shown = std::max(shown, slot.new_failures);
  }
  live_ = status_line(pool);
}

void StartScreen::note(const JournalEntry& entry) {
  const bool by_itself = !entry.cause.empty() && entry.cause != to_text(ExitCause::Asked);
  if (phase_ == Phase::Serving && by_itself && entry.worker.has_value()) {
    terminal_.print("  " + terminal_.styled(Style::Bad, "✗") + " worker " +
                    std::to_string(entry.worker->slot.value) + " ended (" + entry.cause +
                    (entry.detail.empty() ? "" : ": " + entry.detail) + "); replacing it");
  }
}

void StartScreen::upgraded(std::string_view sentence) {
  terminal_.print("  upgrade: " + std::string(sentence));
}

void StartScreen::show_serving(const PoolSnapshot& pool) {
  const bool below = pool.ready < pool.size;
  if (below_strength_ && !below) {
    terminal_.print("  " + terminal_.styled(Style::Good, "✓") +
                    " the pool is at full strength again");
  }
  below_strength_ = below;
  live_ = below ? status_line(pool) : "";
}

std::string StartScreen::verb(const std::string& words) const {
  return program_ + " " + words + selection_;
}

void StartScreen::how_to_use(const StatusReport& report, Duration after) {
  phase_ = Phase::Serving;
  close();
  const auto label = [this](const char* word) {
    return "  " + terminal_.styled(Style::Strong, padded(word, 8));
  };
  const std::uint32_t size = report.snapshot.size;
  terminal_.print("");
  terminal_.print(terminal_.styled(Style::Good, "Pool " + report.pool + " is up") + ": " +
                  std::to_string(size) + (size == 1 ? " worker" : " workers") + " ready after " +
                  rough_duration(after) + ", tunnel name " + report.tunnel_name + ".");
  terminal_.print("");
  if (report.local.has_value()) {
    const std::string& proxy = report.local->open_ingress_url;
    const std::string site =
        report.api_address.empty() ? "http://example.com/" : "http://" + report.api_address + "/";
    terminal_.print(label("Proxy") + proxy);
    terminal_.print(label("Try it"));
    terminal_.print("");
    terminal_.print("    curl -x " + proxy + " " + site);
    terminal_.print("");
  }
  terminal_.print(label("Status") + verb("status") +
                  (report.api_address.empty() ? "" : "   http://" + report.api_address + "/"));
  terminal_.print(label("Logs") + verb("logs -f") + "   " + report.log_directory);
}

void StartScreen::server_lost(const std::string& cause) {
  terminal_.print("  " + terminal_.styled(Style::Bad, "✗") + " " + cause +
                  "; it is being restarted");
}

void StartScreen::draining(std::string_view sentence) {
  if (phase_ != Phase::Draining) {
    phase_ = Phase::Draining;
    terminal_.print("");
    terminal_.print(sentence);
  }
}

void StartScreen::stopped(Duration after) {
  close();
  terminal_.print("Stopped after " + rough_duration(after) + "; nothing is left running.");
}

void StartScreen::failed(std::string_view sentence) {
  close();
  terminal_.print(terminal_.styled(Style::Bad, "sc-pool:") + " " + std::string(sentence));
}

}  // namespace scpool::supervisor
