#include "common/base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "common/base/check.hpp"
#include "common/base/text.hpp"

namespace scpool {

// SplitMix64 (Steele, Lea, Flood 2014): small, fast, full period; not for secrets.
std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31U);
}

std::uint64_t Random::below(std::uint64_t bound) {
  return bound == 0 ? 0 : next() % bound;
}

Duration Random::up_to(Duration bound) {
  if (bound <= Duration::zero()) {
    return Duration::zero();
  }
  return Duration{static_cast<Duration::rep>(below(static_cast<std::uint64_t>(bound.count()) + 1))};
}

bool Random::chance(double probability) {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  return static_cast<double>(next() >> 11U) * kScale < probability;
}

Bytes random_secret_bytes(std::size_t count) {
  Bytes bytes(count);
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = getrandom(bytes.data() + filled, count - filled, 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    SCPOOL_CHECK(got > 0);
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string random_hex(std::size_t bytes) {
  return to_hex(random_secret_bytes(bytes));
}

std::string random_id(std::size_t bytes) {
  std::string id;
  append_random_id(bytes, id);
  return id;
}

void append_random_id(std::size_t bytes, std::string& out) {
  constexpr std::size_t kStore = 4096;
  constexpr std::size_t kMax = 64;
  SCPOOL_CHECK(bytes <= kMax);
  thread_local Bytes store;
  if (store.size() < bytes) {
    store = random_secret_bytes(kStore);
  }
  append_hex(ByteView(store).last(bytes), out);
  store.resize(store.size() - bytes);
}

std::uint64_t random_seed() {
  const Bytes bytes = random_secret_bytes(sizeof(std::uint64_t));
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof(seed));
  return seed;
}

}  // namespace scpool
