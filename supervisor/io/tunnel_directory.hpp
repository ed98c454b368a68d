// What the REST API says of the whole pool: one list of the account's tunnels for all workers, and
// deletions of our own. One list at a time. Reports; which tunnels are ours to delete is
// orphan_policy's. Not in the layout's list: the part of worker_probe that asks once for the pool.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"
#include "common/io/http_client.hpp"
#include "supervisor/core/pool_events.hpp"

namespace scpool::supervisor {

struct RestAccount {
  std::string url;  // with /rest/v1
  std::string user;
  Secret access_key;
  std::vector<std::string> ca_files;
  bool only_these_cas = false;  // the system's are not read
};

// The tunnels of that name in the body of a full list.
Result<std::vector<ListedTunnel>> listed_tunnels(const std::string& body,
                                                 const std::string& tunnel_name,
                                                 const std::string& instance);

class TunnelDirectory {
 public:
  using OnEvent = std::function<void(PoolEvent)>;

  // `instance` marks our tunnels; `tunnel_name` is the pool's.
  TunnelDirectory(HttpClient& client,
                  RestAccount account,
                  std::string tunnel_name,
                  std::string instance,
                  OnEvent on_event);
  TunnelDirectory(const TunnelDirectory&) = delete;
  TunnelDirectory& operator=(const TunnelDirectory&) = delete;

  void set_account(RestAccount account) { account_ = std::move(account); }
  // RestListed or RestFailed follows.
  void list(Duration timeout);
  // TunnelDeleted or TunnelDeleteFailed follows. The server ends it without waiting for jobs.
  void remove(const TunnelId& tunnel, Duration timeout);

  // How many jobs the server knows on it; nothing follows a failure.
  void count_jobs(const TunnelId& tunnel,
                  Duration timeout,
                  std::function<void(std::uint64_t jobs)> on_count);

  // One call with the account's credentials, before anything is started: Denied for a wrong key,
  // Unreachable, TimedOut, or what the server said.
  void check_account(Duration timeout, std::function<void(Result<void>)> on_answer);
  // The list as it came, with the certificate's end.
  void fetch_list(Duration timeout, HttpClient::OnAnswer on_answer);

 private:
  HttpCall call_for(const std::string& path_and_query, Duration timeout) const;
  void take_list(const Result<HttpAnswer>& answer);

  HttpClient& client_;
  RestAccount account_;
  std::string tunnel_name_;
  std::string instance_;
  OnEvent on_event_;
  HttpClient::Ticket check_;
  HttpClient::Ticket listing_;
  std::map<TunnelId, HttpClient::Ticket> removals_;
  std::map<TunnelId, HttpClient::Ticket> counts_;
};

}  // namespace scpool::supervisor
