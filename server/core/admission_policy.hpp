// Who is let in: access keys (kept as salted hashes), and how often one may try (engineering notes
// section 6). Pure; the hash function is passed in. Right keys always pass: a limit on failures
// must not lock out a neighbour behind the same address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.hpp"
#include "common/base/time.hpp"

namespace scpool::server {

using Digest = Bytes (*)(ByteView message);  // SHA-256

struct Account {
  enum class Source { Store, Config };
  std::string name;
  std::string salt;      // hexadecimal
  std::string key_hash;  // hexadecimal digest of salt + key
  std::size_t max_tunnels = 0;
  Source source = Source::Store;
};

std::string key_hash(Digest digest, std::string_view salt, std::string_view key);

// At most `burst` at once, refilled evenly at `burst` per `period`; keys that are full again are
// forgotten.
class RateLimit {
 public:
  RateLimit(double burst, Duration period) : burst_(burst), period_(period) {}

  bool take(std::string_view key, Instant now);  // false: over the limit
  bool exhausted(std::string_view key, Instant now);
  Duration retry_after(std::string_view key, Instant now);
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens;
    Instant at;
  };
  Bucket& bucket(std::string_view key, Instant now);
  void sweep(Instant now);

  double burst_;
  Duration period_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

struct AdmissionLimits {
  std::size_t failed_logins_per_minute = 10;  // per client address
  std::size_t creates_per_minute = 60;        // per account: pools restart at once
  std::size_t handshakes_per_second = 50;     // per client address
};

enum class LoginVerdict { Welcome, Wrong, TooManyFailures };

class AdmissionPolicy {
 public:
  AdmissionPolicy(Digest digest, const AdmissionLimits& limits);

  void set_accounts(std::vector<Account> accounts);
  // Another one: a key that was right may not be right any more.
  std::uint64_t accounts_version() const { return accounts_version_; }
  const Account* account(std::string_view name) const;
  const std::map<std::string, Account, std::less<>>& accounts() const { return accounts_; }

  // Takes the same time for an unknown account as for a wrong key.
  bool key_is_right(std::string_view name, std::string_view key) const;
  // Counts the failure. `right` comes from key_is_right or a job's credential.
  LoginVerdict judge_login(bool right, std::string_view client, Instant now);
  bool may_create(std::string_view account, Instant now);
  bool may_shake_hands(std::string_view client, Instant now);

 private:
  Digest digest_;
  std::map<std::string, Account, std::less<>> accounts_;
  std::uint64_t accounts_version_ = 0;
  RateLimit failures_;
  RateLimit creates_;
  RateLimit handshakes_;
};

}  // namespace scpool::server
