// What a restart, a new configuration or a new size would do, before it does: the pool's own
// decider runs ahead from the pool's record, with workers that behave. So it cannot disagree with
// the deed, but for what nobody foresees. Performs nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/takeover_plan.hpp"

namespace scpool::supervisor {

struct PreviewQuestion {
  TakeoverQuestion pool;
  PoolEvent wish;         // RestartRequested, ConfigChanged or ScaleRequested
  Duration start_time{};  // of a worker, from spawned to ready, as it is to be expected
};

struct PreviewStep {
  Duration after{};     // from the wish
  bool starts = false;  // else it leaves
  WorkerId worker;
  Reason reason;
};

struct Preview {
  std::vector<PreviewStep> steps;
  std::uint32_t size = 0;
  std::uint32_t ready_before = 0;
  std::uint32_t lowest_ready = 0;
  std::uint32_t most_workers = 0;  // at a time, those that leave not counted
  Duration takes{};
  bool comes_to_rest = true;  // false: not within a day; `steps` are those until then
};

Preview preview(const PreviewQuestion& question);

// A setting that differs: in what is read now and in what is in effect.
struct ChangedSetting {
  std::string key;
  std::string from;
  std::string to;
  bool needs_new_workers = false;
};
// Of two texts of "key: value   # origin", as the configuration is shown; secrets are hidden there.
std::vector<ChangedSetting> changed_settings(std::string_view from, std::string_view to);

std::string preview_json(const Preview& preview, const std::vector<ChangedSetting>& changed);

}  // namespace scpool::supervisor
