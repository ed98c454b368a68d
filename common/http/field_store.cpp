#include "common/http/field_store.hpp"

#include <array>
#include <utility>

namespace scpool {
namespace {

constexpr std::size_t kMostKept = 128;
constexpr std::size_t kMostText = 2048;
constexpr std::size_t kMostPlaces = 64;

// A list that outlives its thread's store, as constants do, is freed instead.
thread_local bool ended = false;

struct SpareStores {
  SpareStores() = default;
  SpareStores(const SpareStores&) = delete;
  SpareStores& operator=(const SpareStores&) = delete;
  ~SpareStores() { ended = true; }

  std::array<std::unique_ptr<FieldStore>, kMostKept> kept;
  std::size_t count = 0;
};
thread_local SpareStores spares;

}  // namespace

std::vector<char> FieldStore::make_room(std::size_t size) {
  std::vector<char> larger(std::max(used + size, 2 * text.size()));
  put_text(larger.data(), {text.data(), used});
  return std::exchange(text, std::move(larger));
}

std::unique_ptr<FieldStore> FieldStore::take() {
  if (ended || spares.count == 0) {
    return std::make_unique<FieldStore>();
  }
  return std::move(spares.kept[--spares.count]);
}

void FieldStore::keep(std::unique_ptr<FieldStore> store) {
#ifndef __SANITIZE_ADDRESS__  // there, a view of a list that is gone is to be found
  if (!ended && spares.count < kMostKept && store->text.size() <= kMostText &&
      store->places.capacity() <= kMostPlaces) {
    store->used = 0;
    store->names = 0;
    store->places.clear();
    spares.kept[spares.count++] = std::move(store);
  }
#else
  store.reset();
#endif
}

}  // namespace scpool
