// Who asks at one browser connection, and for which tunnel. A browser sends the same credential
// with each request: one that was right is compared from then on, and judged again only when
// something has changed that it depends on. (Not in the first layout: it keeps the connection
// readable.)
#pragma once

#include <optional>
#include <string>

#include "common/base/secret.hpp"
#include "server/core/ingress_credential.hpp"
#include "server/io/ingress_job.hpp"
#include "server/io/ingress_request.hpp"
#include "server/io/server_parts.hpp"

namespace scpool::server {

class IngressLogin {
 public:
  // `client`: the browser's address, the job of a credential that names none.
  IngressLogin(ServerParts& parts, const IngressConfig& config, std::string client);

  const std::string& client() const { return client_; }
  // Of the request that was admitted last.
  IngressJob& job() { return job_; }

  // Nothing when the request with these fields may go on; else its refusal, and `more` gets the
  // fields that go with it.
  std::optional<IngressRefusal> judge(const Fields& fields, Fields& more);

 private:
  // A credential that was right, and what that depends on.
  struct Known {
    Secret field;  // the whole value
    std::optional<JobId> one_job;
    std::uint64_t accounts = 0;
  };

  bool is_known(const Fields& fields) const;
  bool is_right(const IngressCredential& credential);

  ServerParts& parts_;
  const IngressConfig& config_;
  std::string client_;
  IngressJob job_;
  Known known_;
};

}  // namespace scpool::server
