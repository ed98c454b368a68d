#include "common/h2/session_memory.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

using namespace scpool::h2;

namespace {

constexpr std::size_t kFrame = 16 * 1024 + 10;

std::size_t resident_pages(void* address, std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::array<unsigned char, 16> present{};
  REQUIRE(mincore(address, size, present.data()) == 0);
  const std::span<const unsigned char> asked(present.data(), (size + page - 1) / page);
  return static_cast<std::size_t>(std::count_if(
      asked.begin(), asked.end(), [](unsigned char each) { return (each & 1U) != 0; }));
}

}  // namespace

TEST_CASE("of a large piece only the pages that were written to are there") {
  SessionMemory memory;
  auto* frame = static_cast<std::uint8_t*>(memory.allocate(kFrame));
  REQUIRE(frame != nullptr);
  CHECK(memory.mapped_bytes() == kFrame);
  frame[10] = 1;
  CHECK(resident_pages(frame, kFrame) == 1);
  memory.release(frame);
  CHECK(memory.mapped_bytes() == 0);
}

TEST_CASE("between frames their buffer costs nothing, and nothing else is lost") {
  SessionMemory memory;
  auto* frame = static_cast<std::uint8_t*>(memory.allocate(kFrame));
  auto* table = static_cast<std::uint8_t*>(memory.allocate(kFrame));
  std::fill(frame, frame + kFrame, std::uint8_t{7});
  std::fill(table, table + kFrame, std::uint8_t{8});
  memory.forget_frame();
  CHECK(resident_pages(frame, kFrame) == 0);
  CHECK(std::all_of(table, table + kFrame, [](std::uint8_t byte) { return byte == 8; }));
  frame[10] = 1;  // and is used again
  CHECK(resident_pages(frame, kFrame) == 1);

  memory.release(frame);
  memory.forget_frame();
  CHECK(std::all_of(table, table + kFrame, [](std::uint8_t byte) { return byte == 8; }));
  memory.release(table);
}

TEST_CASE("what a piece holds stays when its size changes, from small to large and back") {
  SessionMemory memory;
  auto* piece = static_cast<std::uint8_t*>(memory.allocate_zeroed(25, 4));
  REQUIRE(piece != nullptr);
  CHECK(std::all_of(piece, piece + 100, [](std::uint8_t byte) { return byte == 0; }));
  for (std::uint8_t i = 0; i < 100; ++i) {
    piece[i] = i;
  }
  for (const std::size_t size : {std::size_t{2 * kFrame}, kFrame, std::size_t{100}}) {
    piece = static_cast<std::uint8_t*>(memory.resize(piece, size));
    REQUIRE(piece != nullptr);
    for (std::uint8_t i = 0; i < 100; ++i) {
      CHECK(piece[i] == i);
    }
  }
  CHECK(memory.mapped_bytes() == 0);
  memory.release(memory.resize(nullptr, 8));
  memory.release(piece);
  memory.release(nullptr);
}

TEST_CASE("a size that does not exist is refused") {
  SessionMemory memory;
  CHECK(memory.allocate_zeroed(SIZE_MAX / 2, 4) == nullptr);
}

TEST_CASE("small pieces that were given back serve again, each for as much as it holds") {
  SessionMemory memory;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::span<std::uint8_t>> pieces;
    for (std::size_t size = 1; size < 700; ++size) {
      auto* piece = static_cast<std::uint8_t*>(memory.allocate(size));
      REQUIRE(piece != nullptr);
      pieces.emplace_back(piece, size);
      std::fill_n(piece, size, static_cast<std::uint8_t>(size));
    }
    for (const std::span<std::uint8_t> piece : pieces) {
      CHECK(std::all_of(piece.begin(), piece.end(), [piece](std::uint8_t byte) {
        return byte == static_cast<std::uint8_t>(piece.size());
      }));
      memory.release(piece.data());
    }
  }
  memory.release(nullptr);
}
