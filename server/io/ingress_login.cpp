#include "server/io/ingress_login.hpp"

#include <utility>

#include "common/base/text.hpp"
#include "server/io/rest_jobs.hpp"

namespace scpool::server {

namespace {

constexpr std::string_view kField = "proxy-authorization";

}  // namespace

IngressLogin::IngressLogin(ServerParts& parts, const IngressConfig& config, std::string client)
    : parts_(parts), config_(config), client_(std::move(client)), job_(parts.ledger) {
  if (!config_.asks_for_credentials()) {
    job_.use({{config_.account, config_.tunnel_name, client_}, std::nullopt});
  }
}

bool IngressLogin::is_known(const Fields& fields) const {
  const auto field = fields.find(kField);
  if (!field || known_.field.empty() || fields.count(kField) != 1 ||
      !equal_in_constant_time(as_bytes(*field), as_bytes(known_.field.reveal()))) {
    return false;
  }
  return known_.one_job ? parts_.ledger.jobs().find(*known_.one_job) != nullptr
                        : known_.accounts == parts_.ledger.admission().accounts_version();
}

bool IngressLogin::is_right(const IngressCredential& credential) {
  if (credential.one_job) {
    const Job* job = parts_.ledger.jobs().find(*credential.one_job);
    if (job == nullptr || job->kind != JobKind::Explicit ||
        job_credential_hash(job->id, credential.key.reveal()) != job->credential_hash) {
      return false;
    }
    job_.use({{}, credential.one_job});
    return true;
  }
  if (!parts_.ledger.login_is_right(credential.user, credential.key.reveal())) {
    return false;
  }
  const std::string& label = credential.label.empty() ? client_ : credential.label;
  job_.use({{credential.user, credential.tunnel_name, label}, std::nullopt});
  return true;
}

std::optional<IngressRefusal> IngressLogin::judge(const Fields& fields, Fields& more) {
  if (!config_.asks_for_credentials() || is_known(fields)) {
    return std::nullopt;
  }
  const auto credential = read_ingress_credential(fields);
  if (credential && is_right(*credential)) {
    known_ = {Secret(std::string(*fields.find(kField))),
              credential->one_job,
              parts_.ledger.admission().accounts_version()};
    return std::nullopt;
  }
  const bool tried = fields.contains(kField);
  if (tried) {
    parts_.metrics.authentication_failed("ingress");
    if (parts_.ledger.admission().judge_login(false, client_, parts_.loop.now()) ==
        LoginVerdict::TooManyFailures) {
      more.add("Retry-After", "6");
      return IngressRefusal{
          429, "http_request_denied", "too many wrong credentials from this address"};
    }
  }
  more.add("Proxy-Authenticate", "Basic realm=\"sc-server\", charset=\"UTF-8\"");
  return IngressRefusal{407,
                        "http_request_denied",
                        tried ? "these proxy credentials are wrong, or their job has ended"
                              : "proxy credentials are needed: user[;tunnel=NAME][;job=LABEL]"};
}

}  // namespace scpool::server
