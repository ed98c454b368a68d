#include "supervisor/io/tunnel_directory.hpp"

#include <utility>

#include "common/http/percent_encoding.hpp"
#include "common/tunnel/tunnel_resource.hpp"
#include "supervisor/core/worker_kinds.hpp"

namespace scpool::supervisor {
namespace {

std::optional<WorkerId> worker_of(const TunnelState& state, const std::string& instance) {
  for (const auto& [key, value] : state.metadata.extra) {
    const std::string mark = instance_mark(instance, WorkerId{});
    if (key == mark.substr(0, mark.find('='))) {
      return marked_worker(instance, value);
    }
  }
  return std::nullopt;
}

ListedTunnel to_listed(const TunnelState& state, const std::string& instance) {
  ListedTunnel listed;
  listed.id = state.id;
  listed.is_ready = state.is_ready;
  listed.pool_flag = state.tunnel_pool;
  listed.ended = state.status == TunnelStatus::Terminated;
  listed.worker = worker_of(state, instance);
  return listed;
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

Result<std::vector<ListedTunnel>> listed_tunnels(const std::string& body,
                                                 const std::string& tunnel_name,
                                                 const std::string& instance) {
  const auto tunnels = parse_tunnel_list(body);
  if (!tunnels) {
    return tunnels.error();
  }
  std::vector<ListedTunnel> listed;
  for (const TunnelState& state : tunnels.value()) {
    if (state.tunnel_identifier == tunnel_name) {
      listed.push_back(to_listed(state, instance));
    }
  }
  return listed;
}

TunnelDirectory::TunnelDirectory(HttpClient& client,
                                 RestAccount account,
                                 std::string tunnel_name,
                                 std::string instance,
                                 OnEvent on_event)
    : client_(client),
      account_(std::move(account)),
      tunnel_name_(std::move(tunnel_name)),
      instance_(std::move(instance)),
      on_event_(std::move(on_event)) {}

HttpCall TunnelDirectory::call_for(const std::string& path_and_query, Duration timeout) const {
  HttpCall call;
  call.url = account_.url + "/" + percent_encoded(account_.user) + path_and_query;
  call.fields.set("Accept", "application/json");
  call.user = account_.user;
  call.password = account_.access_key;
  call.ca_files = account_.ca_files;
  call.only_these_cas = account_.only_these_cas;
  call.timeout = timeout;
  // An account may hold hundreds of tunnels, some KiB each.
  call.max_body = std::size_t{16} * 1024 * 1024;
  return call;
}

void TunnelDirectory::list(Duration timeout) {
  listing_ = client_.start(call_for("/tunnels?full=1", timeout),
                           [this](const Result<HttpAnswer>& answer) { take_list(answer); });
}

void TunnelDirectory::take_list(const Result<HttpAnswer>& answer) {
  if (!answer.ok()) {
    on_event_(RestFailed{answer.error().sentence()});
    return;
  }
  if (!is_success(answer.value().status)) {
    on_event_(RestFailed{error_sentence(answer.value().status, answer.value().body)});
    return;
  }
  auto tunnels = listed_tunnels(answer.value().body, tunnel_name_, instance_);
  if (!tunnels) {
    on_event_(RestFailed{tunnels.error().sentence()});
    return;
  }
  on_event_(RestListed{std::move(tunnels).value()});
}

void TunnelDirectory::fetch_list(Duration timeout, HttpClient::OnAnswer on_answer) {
  HttpCall call = call_for("/tunnels?full=1", timeout);
  call.wants_certificate_end = true;
  listing_ = client_.start(std::move(call), std::move(on_answer));
}

void TunnelDirectory::remove(const TunnelId& tunnel, Duration timeout) {
  HttpCall call =
      call_for("/tunnels/" + percent_encoded(tunnel.value) + "?reason=supervisor&wait=0", timeout);
  call.method = "DELETE";
  removals_[tunnel] =
      client_.start(std::move(call), [this, tunnel](const Result<HttpAnswer>& answer) {
        if (!answer.ok()) {
          on_event_(TunnelDeleteFailed{tunnel, answer.error().sentence()});
        } else if (is_success(answer.value().status) || answer.value().status == 404) {
          on_event_(TunnelDeleted{tunnel});
        } else {
          on_event_(TunnelDeleteFailed{tunnel,
                                       error_sentence(answer.value().status, answer.value().body)});
        }
      });
  std::erase_if(removals_, [](const auto& each) { return !each.second.pending(); });
}

void TunnelDirectory::count_jobs(const TunnelId& tunnel,
                                 Duration timeout,
                                 std::function<void(std::uint64_t jobs)> on_count) {
  std::erase_if(counts_, [](const auto& each) { return !each.second.pending(); });
  counts_[tunnel] =
      client_.start(call_for("/tunnels/" + percent_encoded(tunnel.value) + "/num_jobs", timeout),
                    [on_count = std::move(on_count)](const Result<HttpAnswer>& answer) {
                      if (answer.ok() && is_success(answer.value().status)) {
                        if (const auto jobs = parse_jobs_running(answer.value().body)) {
                          on_count(jobs.value());
                        }
                      }
                    });
}

void TunnelDirectory::check_account(Duration timeout, std::function<void(Result<void>)> on_answer) {
  check_ = client_.start(
      call_for("/tunnels", timeout),
      [this, on_answer = std::move(on_answer)](const Result<HttpAnswer>& answer) {
        const std::string server = "server " + account_.url;
        if (!answer.ok()) {
          on_answer(answer.error().within(server));
        } else if (answer.value().status == 401 || answer.value().status == 403) {
          on_answer(Error(ErrorKind::Denied,
                          server + " does not accept the access key of user '" + account_.user +
                              "': " + error_sentence(answer.value().status, answer.value().body)));
        } else if (!is_success(answer.value().status)) {
          on_answer(
              Error(ErrorKind::Protocol,
                    server + ": " + error_sentence(answer.value().status, answer.value().body)));
        } else {
          on_answer({});
        }
      });
}

}  // namespace scpool::supervisor
