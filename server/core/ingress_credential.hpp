// What a browser's Proxy-Authorization says: `user[;tunnel=NAME][;job=LABEL]` and an access key, or
// the credential of one job. Pure; whether the key is right is the admission policy's to say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.hpp"
#include "common/base/secret.hpp"
#include "common/http/fields.hpp"

namespace scpool::server {

struct IngressCredential {
  std::string user;
  std::string tunnel_name;       // empty: the account's only one
  std::string label;             // empty: the client's address is the job
  std::optional<JobId> one_job;  // the credential of an explicit job; then nothing above
  Secret key;
};

// Nothing without Basic credentials (RFC 7617), or when a parameter is unknown or given twice.
std::optional<IngressCredential> read_ingress_credential(const Fields& fields);

// The user name that stands for one job.
std::string one_job_user(const JobId& job);

}  // namespace scpool::server
