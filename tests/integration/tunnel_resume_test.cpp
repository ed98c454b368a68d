// A link that is cut and goes on over another connection, with users that check every byte.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include "tests/support/tunnel_pair.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

TunnelLinkSettings with_carrier(Duration hold = 30s) {
  TunnelLinkSettings settings;
  settings.carrier = {true, limits::kCarrierCap, hold};
  return settings;
}

// As worker and server do it between them: both drop what stands, tell what they have, go on.
void reconnect(EventLoop& loop,
               TunnelPair& pair,
               std::vector<std::unique_ptr<ConnectedPair>>& kept) {
  ConnectedPair& fresh = *kept.emplace_back(std::make_unique<ConnectedPair>(loop));
  fresh.wait(loop);
  REQUIRE(pair.worker.link->suspend());
  REQUIRE(pair.server.link->suspend());
  const std::uint64_t of_worker = pair.worker.link->received();
  const std::uint64_t of_server = pair.server.link->received();
  REQUIRE(pair.server.link->can_resume(of_worker));
  REQUIRE(pair.worker.link->can_resume(of_server));
  pair.server.link->resume(std::move(fresh.server->stream), {}, of_worker);
  pair.worker.link->resume(std::move(fresh.client->stream), {}, of_server);
}

}  // namespace

TEST_CASE("cut again and again, downloads and uploads arrive whole") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Plain, with_carrier());
  pair.wait_ready();
  constexpr std::size_t kSize = 8 * 1024 * 1024;
  pair.worker.serve(kSize);
  std::vector<TunnelUser*> users;
  for (int i = 0; i < 4; ++i) {
    users.push_back(&pair.server.open(kSize));
  }
  std::vector<std::unique_ptr<ConnectedPair>> kept;
  for (std::size_t cut = 1; cut <= 10; ++cut) {
    REQUIRE(run_until(loop, [&] {
      return users[cut % 4]->received >= cut * kSize / 16 || users[cut % 4]->ended;
    }));
    reconnect(loop, pair, kept);
  }
  REQUIRE(run_until(loop, [&] { return pair.server.all_closed() && pair.worker.all_closed(); }));
  for (const TunnelUser* user : users) {
    CHECK(user->intact);
    CHECK(user->received == kSize);
    CHECK(user->closed == H2Code::NoError);
  }
  for (const auto& [stream, user] : pair.worker.users) {
    CHECK(user->intact);
    CHECK(user->received == kSize);
  }
  CHECK_FALSE(pair.server.failure.has_value());
  CHECK_FALSE(pair.worker.failure.has_value());
}

TEST_CASE("a reset suspends both ends; streams wait and nobody may open one") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Plain, with_carrier());
  pair.wait_ready();
  pair.worker.serve(0);
  TunnelUser& user = pair.server.open(100'000);
  user.link = pair.server.link.get();
  shutdown(pair.server_socket, SHUT_RDWR);
  REQUIRE(run_until(loop, [&] {
    return pair.server.suspensions.size() == 1 && pair.worker.suspensions.size() == 1;
  }));
  CHECK(pair.server.link->figures().suspended);
  CHECK_FALSE(pair.server.link->figures().ready);
  CHECK_FALSE(pair.server.link->can_open());
  CHECK_FALSE(user.closed.has_value());
  std::vector<std::unique_ptr<ConnectedPair>> kept;
  reconnect(loop, pair, kept);
  CHECK(pair.server.link->can_open());
  REQUIRE(run_until(loop, [&] { return user.closed.has_value(); }));
  CHECK(user.closed == H2Code::NoError);
}

TEST_CASE("nobody comes within the hold time: streams are told, then the owner") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Plain, with_carrier(50ms));
  pair.wait_ready();
  TunnelUser& user = pair.server.open(1000);
  REQUIRE(run_until(loop, [&] { return !pair.worker.requests.empty(); }));
  shutdown(pair.server_socket, SHUT_RDWR);
  REQUIRE(run_until(loop, [&] { return pair.server.failure && pair.worker.failure; }));
  CHECK(pair.server.failure->kind() == ErrorKind::TimedOut);
  CHECK(user.closed == H2Code::InternalError);
  CHECK_FALSE(pair.server.link->can_resume(0));
}

TEST_CASE("a silent peer is left for another connection, not given up") {
  EventLoop loop;
  TunnelLinkSettings settings = with_carrier();
  settings.liveness = {40ms, 40ms, 100ms, 60ms};
  TunnelPair pair(loop, Wire::Plain, settings);
  pair.wait_ready();
  pair.worker.serve(10'000);
  REQUIRE(pair.worker.link->suspend());  // the worker has gone; its socket tells the server
  TunnelUser& user = pair.server.open();
  REQUIRE(run_until(loop, [&] { return pair.server.link->figures().suspended; }));
  std::vector<std::unique_ptr<ConnectedPair>> kept;
  reconnect(loop, pair, kept);
  REQUIRE(run_until(loop, [&] { return user.closed.has_value(); }));
  CHECK(user.received == 10'000);
}

TEST_CASE("an orderly end is no cut") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Plain, with_carrier());
  pair.wait_ready();
  SUBCASE("closed") {
    pair.server.link->close(H2Code::NoError);
    REQUIRE(run_until(loop, [&] { return pair.worker.failure.has_value(); }));
  }
  SUBCASE("drained") {
    pair.worker.link->drain("test", 5s);
    REQUIRE(run_until(loop, [&] { return pair.worker.failure && pair.server.failure; }));
    CHECK(pair.server.failure->kind() == ErrorKind::Closed);
  }
  CHECK(pair.worker.suspensions.empty());
  CHECK(pair.server.suspensions.empty());
}

TEST_CASE("a drain whose connection is cut ends all the same") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Plain, with_carrier());
  pair.wait_ready();
  pair.worker.link->drain("test", 10ms);
  pair.server.link->suspend();
  REQUIRE(run_until(loop, [&] { return pair.worker.failure.has_value(); }));
  pair.server.link->give_up(Error(ErrorKind::Closed, "over"));
  CHECK(pair.server.failure.has_value());
}
