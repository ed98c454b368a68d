// Randomness. `Random` is seeded and repeatable: deciders and the simulator get one passed in where
// jitter is wanted. Secrets and identifiers come from the system's generator and nowhere else.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.hpp"
#include "common/base/time.hpp"

namespace scpool {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // Uniform in [0, bound); 0 when bound is 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, bound]; zero when bound is not positive.
  Duration up_to(Duration bound);
  // True with the given probability in [0, 1].
  bool chance(double probability);

 private:
  std::uint64_t state_;
};

// Bytes of cryptographic quality (getrandom); aborts when the system has none.
Bytes random_secret_bytes(std::size_t count);
// 2 * bytes lower-case hexadecimal digits of the same quality: tunnel ids, job ids.
std::string random_hex(std::size_t bytes);
// The same digits from a store that is filled in one go: for identifiers that are made by the
// thousand and keep no secret. At most 64 bytes.
std::string random_id(std::size_t bytes);
void append_random_id(std::size_t bytes, std::string& out);
// A seed for `Random` that differs at each start.
std::uint64_t random_seed();

}  // namespace scpool
