// The job behind one browser connection: found or started when a request needs it, counted while
// the connection lives. (Not in the first layout: both the connection and its exchanges use it.)
#pragma once

#include <optional>
#include <string>

#include "common/base/random.hpp"
#include "server/io/ledger.hpp"

namespace scpool::server {

// What a request's credentials lead to.
struct IngressGrant {
  JobAddress address;            // of an implicit job
  std::optional<JobId> one_job;  // an explicit one
  friend bool operator==(const IngressGrant& left, const IngressGrant& right) {
    return left.address.account == right.address.account &&
           left.address.tunnel_name == right.address.tunnel_name &&
           left.address.label == right.address.label && left.one_job == right.one_job;
  }
};

class IngressJob {
 public:
  explicit IngressJob(Ledger& ledger) : ledger_(ledger) {}
  IngressJob(const IngressJob&) = delete;
  IngressJob& operator=(const IngressJob&) = delete;
  ~IngressJob();

  void use(IngressGrant grant);
  // The job's tunnel now, for a request that is running from here on until end_request(); errors as
  // JobRegistry gives them.
  Result<TunnelId> tunnel();
  std::optional<TunnelId> mate();
  void end_request();

 private:
  void release();
  Result<void> bind();
  Result<TunnelId> ask();

  Ledger& ledger_;
  IngressGrant grant_;
  JobId id_;         // empty: none yet, or not any more
  JobId requested_;  // the job that counts our running request; empty: none runs
};

}  // namespace scpool::server
