#include "common/base/spared.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

namespace scpool {
namespace {

struct Base {
  virtual ~Base() = default;
};
struct Piece final : Base, Spared<Piece> {
  explicit Piece(int its_value) : value(its_value) {}
  int value;
};

TEST_CASE("objects in used memory are new ones, whoever deletes them") {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Base>> pieces;
    std::vector<Piece*> views;
    for (int i = 0; i < 200; ++i) {
      auto piece = std::make_unique<Piece>(1000 * round + i);
      views.push_back(piece.get());
      pieces.push_back(std::move(piece));
    }
    for (int i = 0; i < 200; ++i) {
      CHECK(views[static_cast<std::size_t>(i)]->value == 1000 * round + i);
    }
  }
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("what the last one left serves the next") {
  auto first = std::make_unique<Piece>(1);
  const void* place = first.get();
  first.reset();
  const auto second = std::make_unique<Piece>(2);
  CHECK(second.get() == place);
}
#endif

}  // namespace
}  // namespace scpool
