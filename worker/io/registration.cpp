#include "worker/io/registration.hpp"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "common/base/text.hpp"
#include "common/http/percent_encoding.hpp"
#include "worker/io/http_log.hpp"

namespace scpool::worker {

namespace {

struct SystemFacts {
  std::string system;   // "linux"
  std::string machine;  // "x86_64"
  std::string release;
};

SystemFacts system_facts() {
  utsname names{};
  if (uname(&names) != 0) {
    return {};
  }
  return {to_lower(names.sysname), names.machine, names.release};
}

TunnelMetadata metadata_of(const WorkerConfig& config, const std::string& command_line) {
  const SystemFacts system = system_facts();
  TunnelMetadata metadata;
  metadata.build = SCPOOL_VERSION;
  metadata.command = "sc-worker";
  metadata.command_args = command_line;
  metadata.platform = system.system + " " + system.machine;
  metadata.host_cpu = system.machine;
  metadata.release = system.release;
  for (const auto& [key, value] : config.metadata) {
    metadata.extra[key] = value;
  }
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) {
    metadata.hostname = host.data();
  }
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_size = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_size > 0) {
    metadata.host_memory =
        static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_size);
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    metadata.nofile_limit = files.rlim_cur;
  }
  return metadata;
}

Duration retry_after_of(const Fields& fields) {
  const auto value = fields.find("retry-after");
  const auto seconds = value ? parse_number(trim(*value)) : std::nullopt;
  // A day is more than any caller waits; the bound keeps the arithmetic safe.
  return seconds ? Duration{std::chrono::seconds{std::min<std::uint64_t>(*seconds, 86400)}}
                 : Duration::zero();
}

// The query of "GET URL?QUERY: what happened" says nothing to a reader.
std::string without_query(std::string sentence) {
  const std::size_t begin = sentence.find('?');
  const std::size_t end = sentence.find(": ", begin);
  if (begin != std::string::npos && end != std::string::npos) {
    sentence.erase(begin, end - begin);
  }
  return sentence;
}

RestProblem problem_of(const HttpAnswer& answer) {
  return {.status = answer.status,
          .kind = ErrorKind::Denied,
          .sentence = error_sentence(answer.status, answer.body),
          .retry_after = retry_after_of(answer.fields)};
}

}  // namespace

Registration::Registration(EventLoop& loop,
                           const WorkerConfig& config,
                           Log& log,
                           std::string command_line)
    : loop_(loop),
      config_(config),
      log_(log),
      command_line_(std::move(command_line)),
      client_(loop) {}

HttpCall Registration::call(std::string method, const std::string& path, Duration limit) const {
  HttpCall call;
  call.method = std::move(method);
  call.url = config_.rest_url + "/" + percent_encoded(config_.user) + path;
  call.fields = {{"Accept", "application/json"},
                 {"Content-Type", "application/json"},
                 {"User-Agent", "sc-worker/" SCPOOL_VERSION}};
  call.user = config_.user;
  call.password = config_.access_key;
  call.ca_files = config_.ca_files;
  call.timeout = limit;
  return call;
}

HttpClient::Ticket Registration::send(const HttpCall& call, HttpClient::OnAnswer on_answer) {
  HttpLogLine line{.module = "control", .method = call.method, .url = call.url};
  line.request_fields = call.fields;
  line.request_body = call.body;
  const Instant started = loop_.now();
  return client_.start(call,
                       [this, started, line = std::move(line), on_answer = std::move(on_answer)](
                           Result<HttpAnswer> answer) mutable {
                         line.duration = loop_.now() - started;
                         if (answer.ok()) {
                           line.status = answer.value().status;
                           line.response_fields = answer.value().fields;
                           // What a created tunnel's answer holds is secret.
                           line.response_body = line.status >= 400 ? answer.value().body : "";
                         } else {
                           line.error = answer.error().sentence();
                         }
                         log_http(log_, config_.log_http.control, line);
                         on_answer(std::move(answer));
                       });
}

template <class T>
void Registration::ask(const HttpCall& call,
                       Result<T> (*parse)(std::string_view),
                       OnOutcome<T> on_outcome) {
  lifecycle_call_ =
      send(call, [parse, on_outcome = std::move(on_outcome)](Result<HttpAnswer> answer) {
        if (!answer.ok()) {
          on_outcome(RestProblem{.kind = answer.error().kind(),
                                 .sentence = without_query(answer.error().sentence())});
          return;
        }
        if (answer.value().status < 200 || answer.value().status > 299) {
          on_outcome(problem_of(answer.value()));
          return;
        }
        Result<T> value = parse(answer.value().body);
        if (!value.ok()) {
          // A 2xx that makes no sense counts as a server's error (reference section d.1).
          on_outcome(
              RestProblem{.status = 500,
                          .kind = ErrorKind::Protocol,
                          .sentence = "the answer makes no sense: " + value.error().sentence()});
          return;
        }
        on_outcome(std::move(value).value());
      });
}

void Registration::check_updates(Duration limit, OnOutcome<ServerUpdates> on_outcome) {
  const SystemFacts system = system_facts();
  std::string query = "?client_host=" + percent_encoded(system.system + "-" + system.machine) +
                      "&client_version=" SCPOOL_VERSION;
  if (!config_.region.empty()) {
    query += "&region=" + percent_encoded(config_.region);
  }
  query += "&tunnel_name=" + percent_encoded(config_.tunnel_name);
  query += config_.tunnel_pool ? "&tunnel_pool=true" : "&tunnel_pool=false";
  ask<ServerUpdates>(
      call("GET", "/tunnels/info/updates" + query, limit), parse_updates, std::move(on_outcome));
}

void Registration::create(Duration limit, OnOutcome<CreatedTunnel> on_outcome) {
  CreateTunnelRequest request;
  request.tunnel_identifier = config_.tunnel_name;
  request.shared = config_.shared;
  request.tunnel_pool = config_.tunnel_pool;
  request.tunnel_domains = config_.tunnel_domains.rules;
  request.direct_domains = config_.direct_domains.rules;
  request.deny_domains = config_.deny_domains.rules;
  request.tls_passthrough_domains = config_.tls_passthrough_domains.rules;
  request.tls_resign_domains = config_.tls_resign_domains.rules;
  request.metadata = metadata_of(config_, command_line_);
  HttpCall post = call("POST", "/tunnels", limit);
  post.body = to_json(request);
  ask<CreatedTunnel>(post, parse_created_tunnel, std::move(on_outcome));
}

void Registration::fetch(const TunnelId& tunnel,
                         Duration limit,
                         OnOutcome<TunnelState> on_outcome) {
  ask<TunnelState>(
      call("GET", "/tunnels/" + tunnel.value, limit), parse_tunnel_state, std::move(on_outcome));
}

void Registration::remove(const TunnelId& tunnel,
                          DeleteTunnel::Wait wait,
                          const std::string& reason,
                          Duration limit,
                          OnOutcome<std::uint64_t> on_outcome) {
  const std::string query = "?reason=" + percent_encoded(reason) +
                            (wait == DeleteTunnel::Wait::ForJobs ? "&wait=1" : "&wait=0");
  ask<std::uint64_t>(call("DELETE", "/tunnels/" + tunnel.value + query, limit),
                     parse_jobs_running,
                     std::move(on_outcome));
}

void Registration::drop_call() {
  lifecycle_call_ = {};
}

void Registration::report(const TunnelId& tunnel, std::string body, Duration limit) {
  HttpCall post = call("POST", "/tunnels/" + tunnel.value + "/connected", limit);
  post.body = std::move(body);
  report_call_ = send(post, [this](const Result<HttpAnswer>& answer) {
    if (!answer.ok()) {
      log_.error("control", "status report failed", {{"error", answer.error().sentence()}});
    } else if (answer.value().status > 299) {
      log_.error("control",
                 "status report refused",
                 {{"status", std::to_string(answer.value().status)},
                  {"error", error_sentence(answer.value().status, answer.value().body)}});
    }
  });
}

}  // namespace scpool::worker
