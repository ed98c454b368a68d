#include "supervisor/core/status_page.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/base/page.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/spark_line.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kShownEvents = 25;

// One of the style sheet's five colours.
std::string_view tone(std::string_view state) {
  if (state == "ready") {
    return "is-good";
  }
  if (state == "unhealthy" || state == "failed") {
    return "is-bad";
  }
  if (state == "starting") {
    return "is-busy";
  }
  return state == "draining" || state == "backoff" || state == "degraded" ? "is-wait" : "is-none";
}

std::string tag(std::string_view name, std::string_view attributes, std::string_view inner) {
  std::string text = "<";
  text.append(name).append(attributes.empty() ? "" : " ").append(attributes).append(">");
  return text.append(inner).append("</").append(name).append(">");
}

std::string classed(std::string_view name, std::string_view classes, std::string_view inner) {
  return tag(name, "class=\"" + std::string(classes) + "\"", inner);
}

std::string badge(std::string_view state) {
  return classed("span", "badge " + std::string(tone(state)), state);
}

std::string rate_text(double bytes_per_second) {
  return size_text(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

double highest_rate(const PoolFigures& figures) {
  double highest = 1;
  for (const auto& [slot, traffic] : figures.traffic()) {
    for (const double rate : traffic.rates) {
      highest = std::max(highest, rate);
    }
  }
  return highest;
}

std::string note_line(std::string_view kind, const std::string& sentence) {
  return classed("p", "note " + std::string(kind), sentence);
}

std::string notes(const PoolSnapshot& pool) {
  std::string text;
  if (pool.pool_cause.has_value()) {
    text +=
        note_line("is-bad",
                  "The same failure in several workers: " + std::string(to_text(*pool.pool_cause)) +
                      ". One worker tries, the rest wait.");
  }
  if (pool.network_suspected) {
    text += note_line("is-wait",
                      "Every worker is unhealthy: the network or the server is suspected, "
                      "so none is stopped for it.");
  }
  if (pool.rest_stale) {
    text += note_line("is-wait", "The REST API cannot be reached; what it said is old.");
  }
  return text;
}

struct Headline {
  std::string ready;  // "2 of 3 ready"
  std::string rest;   // "1 starting, 1 in backoff (crash)"; may be empty
};

Headline headline_of(const PoolSnapshot& pool) {
  const std::string line = status_line(pool);
  const auto end = line.find_first_of(",(");
  Headline headline;
  headline.ready = std::to_string(pool.ready) + " of " + std::to_string(pool.size) + " ready";
  if (end != std::string::npos) {
    headline.rest = trim(std::string_view(line).substr(line[end] == ',' ? end + 1 : end));
  }
  if (pool.shutting_down) {
    headline.ready = "Stopping: " + headline.ready;
  }
  return headline;
}

std::string sentence_of(const PoolSnapshot& pool) {
  const Headline headline = headline_of(pool);
  return headline.ready + (headline.rest.empty() ? "" : ", " + headline.rest);
}

std::string top_line(const PoolSnapshot& pool) {
  const Headline headline = headline_of(pool);
  const std::string rest =
      headline.rest.empty() ? "" : " " + tag("small", "", escaped_html(headline.rest));
  return tag("h1",
             "",
             "<span class=\"dot " + std::string(tone(to_text(condition(pool)))) + "\"></span>" +
                 tag("span", "", headline.ready + rest));
}

std::string top_of(const StatusReport& report) {
  const PoolSnapshot& pool = report.snapshot;
  const auto up = std::chrono::duration_cast<Duration>(report.wall_now - report.started_at);
  return classed("header",
                 "top",
                 tag("p", "class=\"faint\"", "Pool " + tag("b", "", escaped_html(report.pool))) +
                     top_line(pool) +
                     classed("p",
                             "faint",
                             "Tunnel name " + tag("code", "", escaped_html(report.tunnel_name)) +
                                 " · supervisor up " + rough_duration(up) + " · sc-pool " +
                                 escaped_html(report.version)) +
                     notes(pool));
}

// One bar a slot: how the pool is, at a glance, also with fifty workers.
std::string strip_of(const PoolSnapshot& pool) {
  std::map<std::uint32_t, std::string_view> slots;
  for (const VacantSlotSnapshot& slot : pool.vacant) {
    slots[slot.slot.value] = to_text(slot.state);
  }
  for (const WorkerSnapshot& worker : pool.workers) {
    std::string_view& shown = slots[worker.worker.slot.value];
    if (shown.empty() || worker.state == WorkerState::Ready) {
      shown = to_text(worker.state);
    }
  }
  std::string bars;
  for (const auto& [slot, state] : slots) {
    bars += "<li class=\"" + std::string(tone(state)) + "\" title=\"Slot " + std::to_string(slot) +
            ": " + std::string(state) + "\"></li>";
  }
  return tag("ol", "class=\"strip\" aria-hidden=\"true\"", bars);
}

std::string figure(std::string_view name, const std::string& value) {
  return tag("div", "", tag("dt", "", name) + classed("dd", "num", value));
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", seconds);
  return text.data();
}

std::string figures_of(const StatusReport& report) {
  const PoolSnapshot& pool = report.snapshot;
  std::uint64_t jobs = 0;
  std::uint64_t streams = 0;
  std::uint64_t memory = 0;
  for (const WorkerSnapshot& worker : pool.workers) {
    jobs += worker.jobs;
    streams += worker.streams;
    memory += worker.memory;
  }
  std::string text = figure("Jobs", std::to_string(jobs)) +
                     figure("Streams", std::to_string(streams)) +
                     figure("Memory", size_text(memory));
  if (report.figures != nullptr) {
    const std::vector<double> rates = report.figures->total_rates();
    const double top = rates.empty() ? 1 : *std::max_element(rates.begin(), rates.end());
    text += "<div class=\"wide\"><dt>Throughput, last 5 minutes</dt><div class=\"pair\">" +
            classed("dd", "num", rate_text(rates.empty() ? 0 : rates.back())) +
            spark_line(rates, kTrafficSamples, std::max(top, 1.0)) + "</div></div>";
    text += figure("Capacity lost",
                   seconds_text(report.figures->lost_worker_seconds(report.now)) +
                       " <small>worker-seconds</small>");
  }
  return tag("dl", "class=\"figures\"", text);
}

std::string rollout_of(const RolloutSnapshot& rollout) {
  const std::string ledger = "Lowest ready count " + std::to_string(rollout.ledger.lowest_ready) +
                             " · " + seconds_text(rollout.ledger.lost_worker_seconds) +
                             " worker-seconds lost";
  if (rollout.total == 0) {
    return "";
  }
  const std::string done = std::to_string(rollout.done);
  const std::string total = std::to_string(rollout.total);
  const bool idle = rollout.state == RolloutState::Idle;
  const std::string state =
      idle ? "Last rollout" : "Rollout " + std::string(to_text(rollout.state));
  std::string text = tag("h2", "", state + ": " + done + " of " + total + " replaced");
  if (!idle) {
    text += "<progress max=\"" + total + "\" value=\"" + done +
            "\" aria-label=\"Workers replaced\"></progress>";
  }
  text += classed("p", "num", ledger);
  if (!idle) {
    text += classed("p",
                    "faint",
                    "Why: " + escaped_html(to_text(rollout.reason)) +
                        (rollout.one_out_one_in
                             ? ". The account's limit allows no worker more, so each goes before "
                               "its successor comes."
                             : ""));
  }
  return tag("section", "id=\"rollout\" class=\"card\"", text);
}

std::string cell(std::string_view classes, std::string_view label, const std::string& inner) {
  return "<td class=\"" + std::string(classes) + (inner.empty() ? " empty" : "") +
         "\" data-label=\"" + std::string(label) + "\">" + inner + "</td>";
}

std::string next_text(Instant next, Instant now, std::string_view meaning) {
  return next == kNever ? ""
                        : tag("span",
                              "class=\"role\"",
                              escaped_html(meaning) + " in " +
                                  rough_duration(std::max(Duration::zero(), next - now)));
}

std::string flow_cell(const StatusReport& report, SlotIndex slot, double top) {
  if (report.figures == nullptr) {
    return "";
  }
  const auto found = report.figures->traffic().find(slot);
  const std::vector<double> rates =
      found == report.figures->traffic().end()
          ? std::vector<double>{}
          : std::vector<double>(found->second.rates.begin(), found->second.rates.end());
  return cell("flow num",
              "Throughput",
              spark_line(rates, kTrafficSamples, top) +
                  tag("span", "", rate_text(rates.empty() ? 0 : rates.back())));
}

std::string worker_row(const WorkerSnapshot& worker, const StatusReport& report, double top) {
  const auto facts = report.facts.find(worker.worker);
  const std::string pid = facts == report.facts.end() ? "" : std::to_string(facts->second.pid);
  std::string row = tag("th", "scope=\"row\"", std::to_string(worker.worker.slot.value));
  row += "<td class=\"state\">" + badge(to_text(worker.state)) +
         (worker.replacement ? classed("span", "role", "replacement") : "") + "</td>";
  row += cell("num", "Age", rough_duration(report.now - worker.started_at));
  row += cell("num", "Jobs", std::to_string(worker.jobs));
  row += cell("num", "Streams", std::to_string(worker.streams));
  row += flow_cell(report, worker.worker.slot, top);
  row += cell("num", "Memory", worker.memory > 0 ? size_text(worker.memory) : "");
  row += cell("num", "Generation", std::to_string(worker.worker.generation.value));
  row += cell("num", "PID", pid);
  row += cell("tunnel",
              "Tunnel",
              worker.tunnel.empty() ? "" : tag("code", "", escaped_html(worker.tunnel.value)));
  row += cell("why",
              "Why",
              escaped_html(to_text(worker.reason)) +
                  next_text(worker.next_deadline, report.now, worker.deadline_means));
  return tag("tr", "id=\"worker-" + to_text(worker.worker) + "\"", row);
}

std::string vacant_row(const VacantSlotSnapshot& slot, const StatusReport& report, double top) {
  std::string row = tag("th", "scope=\"row\"", std::to_string(slot.slot.value));
  row += classed("td", "state", badge(to_text(slot.state)));
  row += cell("num", "Age", "") + cell("num", "Jobs", "") + cell("num", "Streams", "");
  row += flow_cell(report, slot.slot, top);
  row += cell("num", "Memory", "") + cell("num", "Generation", "") + cell("num", "PID", "") +
         cell("tunnel", "Tunnel", "");
  std::string why =
      slot.last_cause ? "last ended by " + std::string(to_text(*slot.last_cause)) : "empty";
  if (slot.failures > 1) {
    why += ", " + std::to_string(slot.failures) + " in a row";
  }
  row += cell("why", "Why", why + next_text(slot.next_start, report.now, "started"));
  return tag("tr", "id=\"slot-" + std::to_string(slot.slot.value) + "\"", row);
}

std::string workers_of(const StatusReport& report) {
  const double top = report.figures == nullptr ? 1 : highest_rate(*report.figures);
  std::vector<std::pair<std::uint32_t, std::string>> rows;
  for (const WorkerSnapshot& worker : report.snapshot.workers) {
    rows.emplace_back(worker.worker.slot.value, worker_row(worker, report, top));
  }
  for (const VacantSlotSnapshot& slot : report.snapshot.vacant) {
    rows.emplace_back(slot.slot.value, vacant_row(slot, report, top));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& left, const auto& right) {
    return left.first < right.first;
  });
  std::string body;
  for (const auto& [slot, row] : rows) {
    body += row;
  }
  const std::string flow = report.figures == nullptr ? "" : "<th scope=\"col\">Throughput</th>";
  return tag("section",
             "class=\"card\"",
             tag("h2", "", "Workers") +
                 "<table><thead><tr><th scope=\"col\">Slot</th><th scope=\"col\">State</th>"
                 "<th scope=\"col\" class=\"num\">Age</th><th scope=\"col\" class=\"num\">Jobs</th>"
                 "<th scope=\"col\" class=\"num\">Streams</th>" +
                 flow +
                 "<th scope=\"col\" class=\"num\">Memory</th>"
                 "<th scope=\"col\" class=\"num\">Gen.</th><th scope=\"col\" class=\"num\">PID</th>"
                 "<th scope=\"col\">Tunnel</th><th scope=\"col\">Why</th></tr></thead>" +
                 tag("tbody", "", body) + "</table>");
}

std::string event_row(const JournalEntry& entry) {
  const bool bad = !entry.cause.empty() && entry.cause != to_text(ExitCause::Asked);
  const std::string time = rfc3339(entry.at);
  // Of the pool itself the reason says what happened.
  const bool is_pool_news = entry.event == "pool";
  const std::string what = is_pool_news          ? entry.reason
                           : entry.state.empty() ? entry.event
                                                 : entry.state;
  const std::string_view colour = bad ? " is-bad" : what == "ready" ? " is-good" : "";
  std::vector<std::string> parts;
  for (const std::string& part :
       {entry.cause, is_pool_news ? std::string() : entry.reason, entry.detail}) {
    if (!part.empty()) {
      parts.push_back(part);
    }
  }
  const std::string why = join(parts, ": ");
  return tag("li",
             "id=\"event-" + std::to_string(entry.cursor) + "\"",
             tag("time", "class=\"num faint\" datetime=\"" + time + "\"", time.substr(11, 8)) +
                 classed("span",
                         "who",
                         entry.worker ? "worker " + to_text(*entry.worker) : std::string("pool")) +
                 classed("span", "what" + std::string(colour), escaped_html(what)) +
                 classed("span", "why", escaped_html(why)));
}

std::string events_of(const StatusReport& report) {
  if (report.journal == nullptr) {
    return "";
  }
  std::string rows;
  std::vector<JournalEntry> newest = report.journal->newest(kShownEvents);
  for (auto entry = newest.rbegin(); entry != newest.rend(); ++entry) {
    rows += event_row(*entry);
  }
  return tag("section",
             "class=\"card\"",
             tag("h2", "", "Events <small class=\"faint\">newest first, UTC</small>") +
                 tag("ol", "class=\"events\"", rows));
}

std::string footer() {
  return tag("footer",
             "",
             "<a href=\"info\">status as JSON</a><a href=\"v1/events\">all events</a>"
             "<a href=\"metrics\">metrics</a><a href=\"configz\">configuration</a>");
}

std::string title_of(const StatusReport& report) {
  return escaped_html(sentence_of(report.snapshot) + " · " + report.pool);
}

}  // namespace

std::string status_page_content(const StatusReport& report) {
  std::string content = tag("main",
                            "data-live=\"live\" data-title=\"" + title_of(report) + "\"",
                            top_of(report) + strip_of(report.snapshot) + figures_of(report) +
                                rollout_of(report.snapshot.rollout) + workers_of(report) +
                                events_of(report) + footer());
  std::replace(content.begin(), content.end(), '\n', ' ');
  std::replace(content.begin(), content.end(), '\r', ' ');
  return content;
}

std::string status_page(const StatusReport& report, std::string_view nonce) {
  return whole_page(title_of(report), status_page_content(report), nonce);
}

}  // namespace scpool::supervisor
