#include "server/io/ingress_job.hpp"

#include <utility>

namespace scpool::server {

IngressJob::~IngressJob() {
  end_request();
  release();
}

void IngressJob::use(IngressGrant grant) {
  if (grant == grant_) {
    return;
  }
  release();
  grant_ = std::move(grant);
}

void IngressJob::release() {
  if (!id_.empty()) {
    ledger_.jobs().connection_closed(id_, ledger_.now());
    id_.value.clear();
  }
}

Result<void> IngressJob::bind() {
  id_.value.clear();
  Result<JobId> found = Error(ErrorKind::NotFound, "the job has ended");
  if (!grant_.one_job) {
    found = ledger_.jobs().use_implicit(JobId{random_id(16)}, grant_.address, ledger_.moment());
  } else if (ledger_.jobs().find(*grant_.one_job) != nullptr) {
    found = *grant_.one_job;
  }
  if (!found) {
    return found.error();
  }
  id_ = std::move(found).value();
  ledger_.jobs().connection_opened(id_);
  ledger_.settle();
  return {};
}

Result<TunnelId> IngressJob::tunnel() {
  Result<TunnelId> tunnel = ask();
  if (!tunnel && ledger_.jobs().find(id_) == nullptr) {
    if (const Result<void> bound = bind(); !bound) {
      return bound.error();
    }
    tunnel = ask();
  }
  ledger_.settle();
  return tunnel;
}

Result<TunnelId> IngressJob::ask() {
  if (requested_ == id_) {
    return ledger_.jobs().tunnel_for(id_, ledger_.now());
  }
  end_request();
  requested_ = id_;
  return ledger_.jobs().request_started(id_, ledger_.now());
}

void IngressJob::end_request() {
  if (!requested_.empty()) {
    ledger_.jobs().request_ended(requested_, ledger_.now());
    requested_.value.clear();
  }
}

std::optional<TunnelId> IngressJob::mate() {
  if (id_.empty()) {
    return std::nullopt;
  }
  std::optional<TunnelId> mate = ledger_.jobs().mate_of(id_);
  ledger_.settle();
  return mate;
}

}  // namespace scpool::server
