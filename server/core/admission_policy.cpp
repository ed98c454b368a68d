#include "server/core/admission_policy.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace scpool::server {

namespace {

constexpr std::size_t kSweepAbove = 4096;  // addresses remembered before the full ones are dropped

double count(std::size_t number) {
  return static_cast<double>(number);
}

}  // namespace

std::string key_hash(Digest digest, std::string_view salt, std::string_view key) {
  std::string salted(salt);
  salted += key;
  const Bytes hash = digest(as_bytes(salted));
  std::fill(salted.begin(), salted.end(), '\0');
  return to_hex(hash);
}

RateLimit::Bucket& RateLimit::bucket(std::string_view key, Instant now) {
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kSweepAbove) {
      sweep(now);
    }
    return buckets_.emplace(std::string(key), Bucket{burst_, now}).first->second;
  }
  Bucket& bucket = found->second;
  const double periods =
      std::chrono::duration<double>(now - bucket.at) / std::chrono::duration<double>(period_);
  bucket.tokens = std::min(burst_, bucket.tokens + burst_ * periods);
  bucket.at = now;
  return bucket;
}

void RateLimit::sweep(Instant now) {
  std::erase_if(buckets_, [this, now](const auto& entry) {
    return now - entry.second.at >= period_;  // full again
  });
}

bool RateLimit::take(std::string_view key, Instant now) {
  Bucket& found = bucket(key, now);
  if (found.tokens < 1.0) {
    return false;
  }
  found.tokens -= 1.0;
  return true;
}

bool RateLimit::exhausted(std::string_view key, Instant now) {
  return bucket(key, now).tokens < 1.0;
}

Duration RateLimit::retry_after(std::string_view key, Instant now) {
  const double missing = std::max(0.0, 1.0 - bucket(key, now).tokens);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(period_) * missing /
                                              burst_);
}

AdmissionPolicy::AdmissionPolicy(Digest digest, const AdmissionLimits& limits)
    : digest_(digest),
      failures_(count(limits.failed_logins_per_minute), std::chrono::minutes{1}),
      creates_(count(limits.creates_per_minute), std::chrono::minutes{1}),
      handshakes_(count(limits.handshakes_per_second), std::chrono::seconds{1}) {}

void AdmissionPolicy::set_accounts(std::vector<Account> accounts) {
  ++accounts_version_;
  accounts_.clear();
  for (Account& account : accounts) {
    std::string name = account.name;
    accounts_.insert_or_assign(std::move(name), std::move(account));
  }
}

const Account* AdmissionPolicy::account(std::string_view name) const {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : &found->second;
}

bool AdmissionPolicy::key_is_right(std::string_view name, std::string_view key) const {
  const Account* known = account(name);
  const std::string presented =
      key_hash(digest_, known != nullptr ? known->salt : std::string_view("none"), key);
  const std::string& expected = known != nullptr ? known->key_hash : presented;
  const bool equal = equal_in_constant_time(as_bytes(presented), as_bytes(expected));
  return known != nullptr && equal;
}

LoginVerdict AdmissionPolicy::judge_login(bool right, std::string_view client, Instant now) {
  if (right) {
    return LoginVerdict::Welcome;
  }
  return failures_.take(client, now) ? LoginVerdict::Wrong : LoginVerdict::TooManyFailures;
}

bool AdmissionPolicy::may_create(std::string_view account, Instant now) {
  return creates_.take(account, now);
}

bool AdmissionPolicy::may_shake_hands(std::string_view client, Instant now) {
  return handshakes_.take(client, now);
}

}  // namespace scpool::server
