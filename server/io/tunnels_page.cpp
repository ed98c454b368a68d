#include "server/io/tunnels_page.hpp"

#include <map>
#include <vector>

#include "common/base/page.hpp"
#include "common/base/text.hpp"

namespace scpool::server {

namespace {

constexpr std::size_t kEndedShown = 20;

std::string age_text(const std::optional<std::int64_t>& since, WallTime now) {
  return since ? rough_duration(std::chrono::seconds{unix_seconds(now) - *since}) : "–";
}

struct LiveFigures {
  std::size_t connections = 0;
  std::size_t suspended = 0;
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
    sum.suspended += connection->suspended_since() ? 1U : 0U;
    sum.streams += figures.active_streams;
    sum.sent += figures.sent_bytes;
    sum.received += figures.received_bytes;
    sum.round_trip = std::max(sum.round_trip, figures.round_trip);
  }
  return sum;
}

void add_cell(std::string& out,
              std::string_view classes,
              std::string_view label,
              const std::string& html) {
  out.append("<td class=\"").append(classes).append("\" data-label=\"").append(label);
  out.append("\">").append(html).append("</td>");
}

std::string_view tone(TunnelPhase phase) {
  switch (phase) {
    case TunnelPhase::Booting:
      return "is-busy";
    case TunnelPhase::Running:
      return "is-good";
    case TunnelPhase::Disconnected:
      return "is-bad";
    case TunnelPhase::Draining:
      return "is-wait";
    case TunnelPhase::Terminated:
      return "is-none";
  }
  return "is-none";
}

std::string tunnel_head(const TunnelId& id) {
  return "<th scope=\"row\" class=\"tunnel\"><code>" + escaped_html(id.value) + "</code></th>";
}

std::string member_row(const ServerParts& parts, const Tunnel& tunnel) {
  const TunnelState& state = tunnel.state;
  const LiveFigures live = live_figures(parts, state.id);
  const WallTime now = parts.loop.wall_now();
  std::string row =
      "<tr id=\"tunnel-" + escaped_html(state.id.value) + "\">" + tunnel_head(state.id);
  row.append("<td class=\"state\"><span class=\"badge ").append(tone(tunnel.phase)).append("\">");
  row.append(to_text(tunnel.phase)).append("</span>");
  row.append(state.tunnel_pool ? "" : "<span class=\"role\">not a pool</span>").append("</td>");
  add_cell(row, "", "Host", escaped_html(state.metadata.hostname));
  add_cell(row, "num", "Age", age_text(state.creation_time, now));
  add_cell(row, "num", "Jobs", std::to_string(parts.ledger.jobs().running_on(state.id)));
  const std::string cut = live.suspended == 0 ? "" : " +" + std::to_string(live.suspended) + " cut";
  add_cell(row, "num", "Connections", std::to_string(live.connections) + cut);
  add_cell(row, "num", "Streams", std::to_string(live.streams));
  add_cell(row, "num", "Sent", size_text(live.sent));
  add_cell(row, "num", "Received", size_text(live.received));
  add_cell(row, "num", "Round trip", live.connections == 0 ? "–" : rough_duration(live.round_trip));
  return row + "</tr>";
}

std::string ended_table(const std::vector<const Tunnel*>& ended, WallTime now) {
  std::string out =
      "<section class=\"card\"><h2>Ended</h2><table><thead><tr><th scope=\"col\">Tunnel</th>"
      "<th scope=\"col\">Name</th><th scope=\"col\">Reason</th>"
      "<th scope=\"col\" class=\"num\">Ended</th></tr></thead><tbody>";
  for (std::size_t index = 0; index < ended.size() && index < kEndedShown; ++index) {
    const TunnelState& state = ended[ended.size() - 1 - index]->state;
    out += "<tr id=\"ended-" + escaped_html(state.id.value) + "\">" + tunnel_head(state.id);
    add_cell(out, "", "Name", escaped_html(state.tunnel_identifier));
    add_cell(out, "", "Reason", escaped_html(state.shutdown_reason.value_or("")));
    add_cell(out, "num", "Ended", age_text(state.shutdown_time, now) + " ago");
    out += "</tr>";
  }
  return out + "</tbody></table></section>";
}

std::string pool_section(const ServerParts& parts,
                         const std::string& name,
                         const std::vector<const Tunnel*>& members) {
  std::size_t ready = 0;
  std::string rows;
  for (const Tunnel* tunnel : members) {
    ready += tunnel->takes_jobs() ? 1U : 0U;
    rows += member_row(parts, *tunnel);
  }
  const std::string_view dot = ready == members.size() ? "is-good"
                               : ready > 0             ? "is-wait"
                                                       : "is-bad";
  std::string text = "<section class=\"card\"><h2 class=\"named\"><span class=\"dot ";
  text.append(dot).append("\"></span>");
  text += (name.empty() ? "<i>unnamed</i>" : escaped_html(name)) + ": " + std::to_string(ready) +
          " of " + std::to_string(members.size()) + " ready</h2>";
  return text +
         "<table><thead><tr><th scope=\"col\">Tunnel</th><th scope=\"col\">State</th>"
         "<th scope=\"col\">Host</th><th scope=\"col\" class=\"num\">Age</th>"
         "<th scope=\"col\" class=\"num\">Jobs</th>"
         "<th scope=\"col\" class=\"num\">Connections</th>"
         "<th scope=\"col\" class=\"num\">Streams</th><th scope=\"col\" class=\"num\">Sent</th>"
         "<th scope=\"col\" class=\"num\">Received</th>"
         "<th scope=\"col\" class=\"num\">Round trip</th></tr></thead><tbody>" +
         rows + "</tbody></table></section>";
}

std::string count_of(std::size_t number, std::string_view noun) {
  return std::to_string(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

}  // namespace

std::string tunnels_page(const ServerParts& parts,
                         const std::string& account,
                         std::string_view nonce) {
  std::map<std::string, std::vector<const Tunnel*>> pools;
  std::vector<const Tunnel*> ended;
  std::size_t active = 0;
  for (const Tunnel* tunnel : parts.ledger.tunnels().of_owner(account)) {
    if (tunnel->active()) {
      pools[tunnel->state.tunnel_identifier].push_back(tunnel);
      ++active;
    } else {
      ended.push_back(tunnel);
    }
  }
  const std::string heading =
      active == 0 ? "No tunnel is running"
                  : count_of(active, "tunnel") + " running under " + count_of(pools.size(), "name");
  const std::string title = escaped_html(heading + " · " + account);
  std::string content = "<main data-title=\"" + title +
                        "\"><header class=\"top\"><p class=\"faint\">Tunnels of <b>" +
                        escaped_html(account) + "</b></p><h1>" + heading + "</h1></header>";
  for (const auto& [name, members] : pools) {
    content += pool_section(parts, name, members);
  }
  if (!ended.empty()) {
    content += ended_table(ended, parts.loop.wall_now());
  }
  return whole_page(title, content + "</main>", nonce);
}

}  // namespace scpool::server
