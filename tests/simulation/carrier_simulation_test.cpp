// The carrier under every cut: a recorded session cut at each byte, and thousands of seeded runs
// with broken, silent, late and doubled connections. What HTTP/2 gets is what the other side's
// HTTP/2 gave, always; and every session completes, or ends on both sides.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/simulation/carrier_world.hpp"

namespace scpool::simulation {
namespace {

constexpr std::size_t kSmallCap = 64 * 1024;

// A session of a few requests, small enough to be cut at each of its bytes.
std::unique_ptr<CarrierWorld> small_session() {
  auto world = std::make_unique<CarrierWorld>(1, kSmallCap);
  world->answer_requests(700);
  world->open_stream(0);
  world->open_stream(1700);
  world->open_stream(800);
  return world;
}

void check_done(CarrierWorld& world) {
  CHECK(world.problem() == "");
  CHECK(world.all_done());
  CHECK(world.worker.carrier.held_bytes() == 0);
  CHECK(world.server.carrier.held_bytes() == 0);
}

class Faults {
 public:
  Faults(std::uint64_t seed, CarrierWorld& world) : random_(seed), world_(world) {}

  void step() {
    world_.now += random_.up_to(std::chrono::milliseconds{10});
    SimulatedSocket& any = *world_.sockets[random_.below(world_.sockets.size())];
    SimulatedSocket& last = *world_.sockets.back();
    SimulatedEnd& end = random_.chance(0.5) ? world_.worker : world_.server;
    switch (random_.below(16)) {
      case 0:
        world_.cut(any);
        break;
      case 1:
        any.up.swallows |= random_.chance(0.2);  // for good: TCP leaves nothing out
        any.down.swallows |= random_.chance(0.2);
        break;
      case 2:
        if (end.socket != nullptr && end.socket->broken) {
          world_.notice_cut(end);
        }
        break;
      case 3:
        if (random_.chance(0.3) || world_.worker.socket == nullptr) {
          SimulatedSocket& fresh = world_.dial();
          fresh.up.limit = random_.chance(0.3) ? random_.below(50'000) : std::string::npos;
        }
        break;
      case 4:
      case 5:
        world_.take_request(any);  // an older one may come behind a newer
        break;
      case 6:
        world_.take_request(last);
        world_.take_answer(last);
        break;
      case 7:
        world_.take_answer(any);
        break;
      case 8:
        world_.open_stream(random_.chance(0.5) ? random_.below(60'000) : 0);
        break;
      case 9:
      case 10:
        world_.write(end, 5 + random_.below(16 * 1024));
        break;
      default:
        world_.deliver(any, end, 1 + random_.below(30'000));
        break;
    }
  }

 private:
  Random random_;
  CarrierWorld& world_;
};

std::uint64_t seeds() {
  const char* text = std::getenv("SCPOOL_CARRIER_SEEDS");
  return text == nullptr ? 5000 : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("a session cut at every byte, in either direction, completes as if it had not been") {
  auto recorded = small_session();
  recorded->settle();
  check_done(*recorded);
  const std::size_t up = recorded->sockets.front()->up.passed;
  const std::size_t down = recorded->sockets.front()->down.passed;
  REQUIRE(up > 2000);
  REQUIRE(down > 2000);
  for (std::size_t offset = 0; offset < up + down; ++offset) {
    CAPTURE(offset);
    auto world = small_session();
    SimulatedSocket& first = *world->sockets.front();
    (offset < up ? first.up : first.down).limit = offset < up ? offset + 1 : offset - up + 1;
    world->settle();
    REQUIRE(world->problem() == "");
    REQUIRE(world->all_done());
    REQUIRE(world->resumes <= 1);
  }
}

TEST_CASE("cut again while it resumes: progress is kept") {
  for (std::size_t offset = 1; offset < 3000; offset += 7) {
    CAPTURE(offset);
    auto world = small_session();
    world->sockets.front()->up.limit = 1 + offset / 2;
    for (int round = 0; round < 40 && !world->all_done(); ++round) {
      SimulatedSocket& fresh = world->dial();
      fresh.up.limit = offset;
      fresh.down.limit = 1 + offset / 3;
      world->take_request(fresh);
      world->take_answer(fresh);
      for (int turn = 0; turn < 4; ++turn) {
        for (SimulatedEnd* end : {&world->worker, &world->server}) {
          world->write(*end, 16 * 1024);
          world->deliver(fresh, *end, 64 * 1024);
        }
      }
    }
    world->settle();
    REQUIRE(world->problem() == "");
    REQUIRE(world->all_done());
  }
}

TEST_CASE("thousands of seeds: broken, silent, late and doubled connections") {
  std::uint64_t resumes = 0;
  std::uint64_t replayed = 0;
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    CAPTURE(seed);
    CarrierWorld world(seed, seed % 2 == 0 ? kSmallCap : 1024 * 1024);
    world.answer_requests(seed % 40'000);
    Faults faults(seed, world);
    for (int step = 0; step < 150; ++step) {
      faults.step();
      REQUIRE(world.problem() == "");
    }
    // The faults are over: every connection of before is cut, the worker comes once more.
    for (const auto& socket : world.sockets) {
      world.cut(*socket);
    }
    world.settle();
    REQUIRE(world.problem() == "");
    REQUIRE(world.all_done());
    resumes += world.resumes;
    replayed += world.replayed;
  }
  CHECK(resumes > seeds());
  CHECK(replayed > 0);
}

TEST_CASE("after the hold time the worker is refused, and both sides are over") {
  auto world = small_session();
  world->write(world->server, 16 * 1024);
  world->deliver(*world->server.socket, world->worker, 500);
  world->cut(*world->server.socket);
  world->notice_cut(world->server);
  world->forget_session();
  world->settle();
  CHECK(world->worker.over);
  CHECK(world->server.over);
  CHECK(world->problem() == "");
}

TEST_CASE("a request without the right proof touches nothing") {
  auto world = small_session();
  world->write(world->server, 16 * 1024);
  SimulatedSocket* before = world->server.socket;
  SimulatedSocket& stranger = *world->sockets.emplace_back(std::make_unique<SimulatedSocket>());
  stranger.request = {"session", 99, 0, false};
  world->take_request(stranger);
  CHECK_FALSE(stranger.answer->resumed);
  CHECK(world->server.socket == before);
  world->sockets.pop_back();
  world->settle();
  check_done(*world);
}

TEST_CASE("an older request that comes behind a newer one is refused") {
  auto world = small_session();
  SimulatedSocket& older = world->dial();
  SimulatedSocket& newer = world->dial();
  world->take_request(newer);
  world->take_request(older);
  CHECK(newer.answer->resumed);
  CHECK_FALSE(older.answer->resumed);
  world->take_answer(newer);
  world->settle();
  check_done(*world);
  CHECK(world->resumes == 1);
}

}  // namespace scpool::simulation
