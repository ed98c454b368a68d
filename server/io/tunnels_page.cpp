#include "server/io/tunnels_page.hpp"

#include <map>
#include <vector>

#include "common/base/text.hpp"

namespace scpool::server {

namespace {

constexpr std::string_view kTop = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Tunnels</title>
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c2430}
h1{font-size:1.4rem} h2{font-size:1.1rem;margin:2rem 0 .4rem}
table{border-collapse:collapse;width:100%} th,td{text-align:left;padding:.35rem .7rem}
th{color:#5a6675;font-weight:600;border-bottom:2px solid #d7dde5} td{border-bottom:1px solid #e7ebf0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums} code{font-size:.9em}
.running{color:#12763f}.draining,.booting{color:#9a6200}.disconnected{color:#b3261e}.terminated{color:#7a8594}
</style></head><body>
)";
constexpr std::size_t kEndedShown = 20;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string age_text(const std::optional<std::int64_t>& since, WallTime now) {
  return since ? rough_duration(std::chrono::seconds{unix_seconds(now) - *since}) : "–";
}

struct LiveFigures {
  std::size_t connections = 0;
  std::size_t streams = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  Duration round_trip = Duration::zero();
};

LiveFigures live_figures(const ServerParts& parts, const TunnelId& id) {
  LiveFigures sum;
  for (const TunnelConnection* connection : parts.roster.of(id)) {
    const TunnelLinkFigures figures = connection->figures();
    sum.connections += connection->ready() ? 1U : 0U;
    sum.streams += figures.active_streams;
    sum.sent += figures.sent_bytes;
    sum.received += figures.received_bytes;
    sum.round_trip = std::max(sum.round_trip, figures.round_trip);
  }
  return sum;
}

void add_cell(std::string& out, std::string_view kind, const std::string& html) {
  out.append("<td").append(kind).append(">").append(html).append("</td>");
}

std::string member_row(const ServerParts& parts, const Tunnel& tunnel) {
  const TunnelState& state = tunnel.state;
  const LiveFigures live = live_figures(parts, state.id);
  const WallTime now = parts.loop.wall_now();
  const std::string phase(to_text(tunnel.phase));
  std::string row = "<tr>";
  add_cell(row, "", "<code>" + escaped(state.id.value) + "</code>");
  add_cell(row, " class=\"" + phase + '"', phase + (state.tunnel_pool ? "" : " (no pool)"));
  add_cell(row, "", escaped(state.metadata.hostname));
  add_cell(row, " class=\"n\"", age_text(state.creation_time, now));
  add_cell(row, " class=\"n\"", std::to_string(parts.ledger.jobs().running_on(state.id)));
  add_cell(row, " class=\"n\"", std::to_string(live.connections));
  add_cell(row, " class=\"n\"", std::to_string(live.streams));
  add_cell(row, " class=\"n\"", size_text(live.sent));
  add_cell(row, " class=\"n\"", size_text(live.received));
  add_cell(row, " class=\"n\"", live.connections == 0 ? "–" : rough_duration(live.round_trip));
  return row + "</tr>\n";
}

std::string ended_table(const std::vector<const Tunnel*>& ended, WallTime now) {
  std::string out =
      "<h2>Ended</h2>\n<table><tr><th>Tunnel</th><th>Name</th><th>Reason</th>"
      "<th class=\"n\">Ended</th></tr>\n";
  for (std::size_t index = 0; index < ended.size() && index < kEndedShown; ++index) {
    const TunnelState& state = ended[ended.size() - 1 - index]->state;
    out += "<tr>";
    add_cell(out, "", "<code>" + escaped(state.id.value) + "</code>");
    add_cell(out, "", escaped(state.tunnel_identifier));
    add_cell(out, "", escaped(state.shutdown_reason.value_or("")));
    add_cell(out, " class=\"n\"", age_text(state.shutdown_time, now) + " ago");
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

}  // namespace

std::string tunnels_page(const ServerParts& parts, const std::string& account) {
  std::map<std::string, std::vector<const Tunnel*>> pools;
  std::vector<const Tunnel*> ended;
  for (const Tunnel* tunnel : parts.ledger.tunnels().of_owner(account)) {
    if (tunnel->active()) {
      pools[tunnel->state.tunnel_identifier].push_back(tunnel);
    } else {
      ended.push_back(tunnel);
    }
  }
  std::string page(kTop);
  page += "<h1>Tunnels of " + escaped(account) + "</h1>\n";
  if (pools.empty()) {
    page += "<p>No tunnel is running.</p>\n";
  }
  for (const auto& [name, members] : pools) {
    std::size_t ready = 0;
    std::string rows;
    for (const Tunnel* tunnel : members) {
      ready += tunnel->takes_jobs() ? 1U : 0U;
      rows += member_row(parts, *tunnel);
    }
    page += "<h2>" + (name.empty() ? "<i>unnamed</i>" : escaped(name)) + " — " +
            std::to_string(ready) + " of " + std::to_string(members.size()) + " ready</h2>\n";
    page +=
        "<table><tr><th>Tunnel</th><th>State</th><th>Host</th><th class=\"n\">Age</th>"
        "<th class=\"n\">Jobs</th><th class=\"n\">Connections</th><th class=\"n\">Streams</th>"
        "<th class=\"n\">Sent</th><th class=\"n\">Received</th><th class=\"n\">Round trip</th>"
        "</tr>\n" +
        rows + "</table>\n";
  }
  if (!ended.empty()) {
    page += ended_table(ended, parts.loop.wall_now());
  }
  return page + "</body></html>\n";
}

}  // namespace scpool::server
