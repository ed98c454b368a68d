#include "server/server.hpp"

#include <algorithm>
#include <utility>

#include "common/base/page.hpp"
#include "common/base/random.hpp"
#include "common/io/process_memory.hpp"
#include "common/tls/proof.hpp"
#include "server/io/admin_pages.hpp"
#include "server/io/secret_files.hpp"
#include "server/io/tunnels_page.hpp"

namespace scpool::server {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kServerKeyBytes = 32;
constexpr std::size_t kSaltBytes = 16;
constexpr Duration kLagPeriod = 1s;
constexpr Duration kEndPoll = 50ms;
constexpr std::size_t kMaxRestConnections = 4096;

}  // namespace

Result<std::vector<Account>> configured_accounts(const ServerConfig& config) {
  std::vector<Account> accounts;
  for (const AccountConfig& configured : config.accounts) {
    const Result<Secret> key = read_secret_file(configured.access_key_file);
    if (!key) {
      return key.error().within("account " + configured.name);
    }
    Account account;
    account.name = configured.name;
    account.salt = random_hex(kSaltBytes);
    account.key_hash = key_hash(sha256, account.salt, key.value().reveal());
    account.max_tunnels = configured.max_tunnels;
    account.source = Account::Source::Config;
    accounts.push_back(std::move(account));
  }
  return accounts;
}

Server::Server(EventLoop& loop, Log& log, ServerConfig config)
    : loop_(loop), log_(log), config_(std::move(config)), lag_timer_(loop), end_timer_(loop) {}

Server::~Server() {
  // Browsers' exchanges use tunnel connections, so they go first.
  ingress_.clear();
  http_.reset();
  admin_.reset();
}

Result<void> Server::start() {
  Result<TlsContext> tls = TlsContext::for_server({config_.certificate, config_.key});
  if (!tls) {
    return tls.error();
  }
  tls_.emplace(std::move(tls).value());
  if (auto opened = open_state(); !opened) {
    return opened;
  }
  roster_ = std::make_unique<TunnelRoster>(loop_, log_, *ledger_, metrics_, Random(random_seed()));
  ledger_->on_jobs_changed([this](const TunnelId& tunnel) { roster_->report_jobs(tunnel); });
  ledger_->on_tunnel_ended(
      [this](const TunnelId& id, const std::string& reason) { roster_->end_tunnel(id, reason); });
  parts_ = std::make_unique<ServerParts>(ServerParts{
      loop_, log_, metrics_, *ledger_, *roster_, config_, "sc-server-" + random_hex(5), 0, ""});
  endpoint_ = std::make_unique<TunnelEndpoint>(*parts_);
  rest_ = std::make_unique<RestApi>(*parts_);
  if (auto listening = listen(); !listening) {
    return listening;
  }
  watch_lag();
  return {};
}

Result<void> Server::open_state() {
  if (config_.state_dir.empty()) {
    return Error(ErrorKind::Invalid, "state_dir is not set: where may the state be kept?");
  }
  if (auto made = make_private_directory(config_.state_dir); !made) {
    return made;
  }
  Result<Secret> key = secret_of_file(config_.state_dir + "/server.secret", kServerKeyBytes);
  if (!key) {
    return key.error();
  }
  Result<SqliteStore> store = SqliteStore::open(config_.state_dir + "/state.sqlite");
  if (!store) {
    return store.error();
  }
  Result<std::vector<Account>> accounts = configured_accounts(config_);
  if (!accounts) {
    return accounts.error();
  }
  ledger_ = std::make_unique<Ledger>(loop_,
                                     log_,
                                     metrics_,
                                     std::move(store).value(),
                                     std::move(key).value(),
                                     LedgerRules{config_.tunnels, config_.jobs, config_.admission});
  return ledger_->load(std::move(accounts).value());
}

Result<void> Server::listen() {
  const Result<Endpoint> at = parse_endpoint(config_.listen);
  if (!at) {
    return at.error().within("listen");
  }
  HttpServerSettings settings;
  settings.server_name = "sc-server/" SCPOOL_VERSION;
  settings.max_connections = kMaxRestConnections;
  http_ = std::make_unique<HttpServer>(
      loop_, settings, [this](const HttpRequest& request, HttpReply reply) {
        on_request(request, std::move(reply));
      });
  const Result<Endpoint> bound = http_->listen_tcp(at.value(), &*tls_);
  if (!bound) {
    return bound.error().within("listen");
  }
  tls_endpoint_ = bound.value();
  parts_->tls_port = tls_endpoint_.port;
  if (auto listening = listen_ingress(); !listening || config_.admin_listen.empty()) {
    return listening;
  }
  const Result<Endpoint> admin_at = parse_endpoint(config_.admin_listen);
  if (!admin_at) {
    return admin_at.error().within("admin_listen");
  }
  admin_ = std::make_unique<HttpServer>(
      loop_, HttpServerSettings{}, [this](const HttpRequest& request, HttpReply reply) {
        on_admin_request(request, std::move(reply));
      });
  const Result<Endpoint> admin_bound = admin_->listen_tcp(admin_at.value(), nullptr);
  if (!admin_bound) {
    return admin_bound.error().within("admin_listen");
  }
  admin_endpoint_ = admin_bound.value();
  return {};
}

Result<void> Server::listen_ingress() {
  for (const IngressConfig& config : config_.ingress) {
    auto listener = std::make_unique<IngressListener>(*parts_, config);
    if (auto listening = listener->listen(); !listening) {
      return listening;
    }
    if (config.asks_for_credentials() && parts_->ingress_url.empty()) {
      parts_->ingress_url =
          config.public_url.empty() ? "http://" + listener->endpoint().text() : config.public_url;
    }
    log_.info("ingress",
              "listening",
              {{"at", listener->endpoint().text()},
               {"for", config.asks_for_credentials() ? "credentials" : config.account}});
    ingress_.push_back(std::move(listener));
  }
  return {};
}

void Server::on_request(const HttpRequest& request, HttpReply reply) {
  if (request.path.starts_with("/tunnel/v1/")) {
    endpoint_->handle(request, std::move(reply));
    return;
  }
  if (request.path.starts_with("/rest/v1/")) {
    reply.send(rest_->answer(request));
    return;
  }
  if (request.path != "/") {
    reply.send(json_error(404, "unknown resource: the REST API is below /rest/v1"));
    return;
  }
  std::string account;
  if (auto refused = rest_->refusal(request, account)) {
    reply.send(*refused);
    return;
  }
  HttpResponse page;
  page.fields.add("Content-Type", "text/html; charset=utf-8");
  page.fields.add("Cache-Control", "no-store");
  const std::string nonce = random_hex(16);
  page.fields.add("Content-Security-Policy", page_policy(nonce));
  page.fields.add("X-Content-Type-Options", "nosniff");
  page.body = tunnels_page(*parts_, account, nonce);
  reply.send(page);
}

void Server::on_admin_request(const HttpRequest& request, HttpReply reply) {
  std::size_t browsers = 0;
  for (const auto& listener : ingress_) {
    browsers += listener->connections();
  }
  reply.send(admin_answer({*parts_, browsers, lag_, on_stopped_ != nullptr}, request));
}

void Server::reload(const ServerConfig& config) {
  Result<TlsContext> tls = TlsContext::for_server({config.certificate, config.key});
  if (!tls) {
    log_.error("control", "the old certificate stays", {{"error", tls.error().sentence()}});
  } else {
    *tls_ = std::move(tls).value();
  }
  Result<std::vector<Account>> accounts = configured_accounts(config);
  if (!accounts) {
    log_.error("control", "the old accounts stay", {{"error", accounts.error().sentence()}});
    return;
  }
  ledger_->reload_accounts(std::move(accounts).value());
  log_.info("control", "accounts and certificate reloaded");
}

void Server::stop(std::function<void()> on_done) {
  if (on_stopped_) {
    end_deadline_ = loop_.now();
    return;
  }
  on_stopped_ = std::move(on_done);
  end_deadline_ = loop_.now() + config_.drain_timeout;
  log_.info("control",
            "stopping",
            {{"requests", std::to_string(metrics_.in_flight())},
             {"connections", std::to_string(roster_->size())}});
  endpoint_->stop_accepting();
  http_->stop_listening();
  for (const auto& listener : ingress_) {
    listener->drain();
  }
  roster_->drain_all("server shutdown", config_.drain_timeout);
  watch_end();
}

void Server::watch_end() {
  const bool idle = metrics_.in_flight() == 0 && roster_->size() == 0;
  if (idle || loop_.now() >= end_deadline_) {
    ledger_->flush();
    loop_.post([this] { on_stopped_(); });
    return;
  }
  end_timer_.start(kEndPoll, [this] { watch_end(); });
}

void Server::watch_lag() {
  const Instant expected = loop_.now() + kLagPeriod;
  lag_timer_.start(kLagPeriod, [this, expected] {
    lag_ = std::max(Duration::zero(), loop_.now() - expected);
    release_memory();
    watch_lag();
  });
}

// A handshake needs more than the connection it leads to: what is over goes back once no more come.
void Server::release_memory() {
  const std::uint64_t handshakes = metrics_.handshakes();
  if (handshakes != std::exchange(handshakes_seen_, handshakes)) {
    memory_due_ = true;
  } else if (std::exchange(memory_due_, false)) {
    release_unused_heap();
  }
}

}  // namespace scpool::server
