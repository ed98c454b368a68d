#include "server/core/ingress_credential.hpp"

#include <doctest/doctest.h>

#include "common/base/text.hpp"

namespace scpool::server {
namespace {

std::optional<IngressCredential> read(const std::string& pair) {
  return read_ingress_credential(
      Fields{{"Proxy-Authorization", "Basic " + to_base64(as_bytes(pair))}});
}

TEST_CASE("user, tunnel, job and key are told apart") {
  const auto plain = read("ann:key:with:colons");
  REQUIRE(plain);
  CHECK(plain->user == "ann");
  CHECK(plain->key.reveal() == "key:with:colons");
  CHECK(plain->tunnel_name.empty());
  CHECK(plain->label.empty());

  const auto full = read("ann;tunnel=my pool;job=login=1:key");
  REQUIRE(full);
  CHECK(full->user == "ann");
  CHECK(full->tunnel_name == "my pool");
  CHECK(full->label == "login=1");
  CHECK(read("ann;job=b;tunnel=a:key")->tunnel_name == "a");
}

TEST_CASE("the credential of one job is recognised") {
  const JobId job{"0123456789abcdef0123456789abcdef"};
  const auto one = read(one_job_user(job) + ":key");
  REQUIRE(one);
  CHECK(one->one_job == job);
  CHECK_FALSE(read("job-12:key")->one_job.has_value());
}

TEST_CASE("what is not understood is refused, never half taken") {
  for (const std::string pair : {"",
                                 "ann",
                                 ":key",
                                 ";tunnel=a:key",
                                 "ann;tunnel=:key",
                                 "ann;colour=red:key",
                                 "ann;tunnel=a;tunnel=b:key",
                                 "ann;:key"}) {
    CAPTURE(pair);
    CHECK_FALSE(read(pair).has_value());
  }
  CHECK_FALSE(read_ingress_credential(Fields{}).has_value());
  CHECK_FALSE(read_ingress_credential(Fields{{"Proxy-Authorization", "Bearer abc"}}).has_value());
  CHECK_FALSE(read_ingress_credential(Fields{{"Proxy-Authorization", "Basic !"}}).has_value());
  CHECK(read_ingress_credential(Fields{{"proxy-authorization", "bAsIc  YTpi"}})->user == "a");
}

}  // namespace
}  // namespace scpool::server
