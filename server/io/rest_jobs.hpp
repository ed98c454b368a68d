// The jobs of the REST API (design section 7): start one and get a credential for it, look at it,
// end it.
#pragma once

#include <string>
#include <vector>

#include "common/io/http_server.hpp"
#include "server/io/server_parts.hpp"

namespace scpool::server {

// `rest`: the path below /{user}/jobs.
HttpResponse answer_jobs(ServerParts& parts,
                         const HttpRequest& request,
                         const std::string& user,
                         const std::vector<std::string>& rest);

// What is kept of a job's credential.
std::string job_credential_hash(const JobId& job, std::string_view key);

}  // namespace scpool::server
