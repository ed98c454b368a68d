// A pair of links over loopback: what they carry, and how they end.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include "tests/support/tunnel_pair.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

}  // namespace

TEST_CASE("both sides become ready, and the canary goes through") {
  for (const Wire wire : {Wire::Plain, Wire::Encrypted}) {
    EventLoop loop;
    TunnelPair pair(loop, wire);
    CHECK_FALSE(pair.server.link->can_open());
    pair.wait_ready();
    CHECK(pair.server.link->can_open());
    REQUIRE(run_until(loop, [&] {
      return pair.server.link->figures().last_canary.has_value() &&
             pair.server.link->figures().active_streams == 0;
    }));
    CHECK(pair.worker.canaries == 1);
    CHECK(pair.worker.link->figures().last_canary.has_value());
    // Between two sockets of one host, finer than the loop's clock.
    CHECK(pair.server.link->figures().round_trip > Duration::zero());
    CHECK(pair.worker.link->figures().round_trip > Duration::zero());
    CHECK(pair.server.link->figures().short_path);
    CHECK_FALSE(pair.server.failure.has_value());
  }
}

TEST_CASE("one GiB through one stream arrives whole, within bounds") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Encrypted);
  pair.wait_ready();
  pair.worker.serve(1024 * kMiB);
  TunnelUser& user = pair.server.open();
  std::size_t most_unsent = 0;
  std::size_t most_held = 0;
  REQUIRE(run_until(
      loop,
      [&] {
        most_unsent = std::max(most_unsent, pair.worker.link->figures().unsent_bytes);
        most_held = std::max(most_held, pair.server.link->figures().held_bytes);
        return user.closed.has_value();
      },
      240s));
  CHECK(user.received == 1024 * kMiB);
  CHECK(user.intact);
  CHECK(user.ended);
  CHECK(user.closed == H2Code::NoError);
  // The stream's buffer with the piece that filled it, and the connection's with record overhead.
  CHECK(most_unsent <= 2 * limits::kStreamSendBuffer + limits::kMaxUnsentBytes + 64 * 1024);
  CHECK(most_held <= limits::kInitialStreamWindow);
}

TEST_CASE("200 streams at once, both ways") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Encrypted);
  pair.wait_ready();
  pair.worker.serve(300'000);
  for (int i = 0; i < 200; ++i) {
    pair.server.open(200'000);
  }
  REQUIRE(run_until(loop, [&] { return pair.server.all_closed(); }));
  for (const auto& [stream, user] : pair.server.users) {
    CHECK(user->received == 300'000);
    CHECK(user->intact);
    CHECK(user->closed == H2Code::NoError);
    CHECK(pair.worker.users[stream]->received == 200'000);
    CHECK(pair.worker.users[stream]->intact);
  }
  CHECK(pair.server.link->figures().active_streams == 0);
  CHECK(pair.server.link->figures().held_bytes == 0);
  CHECK(pair.worker.link->figures().held_bytes == 0);
}

TEST_CASE("a reader that stands still holds its window and delays nobody") {
  EventLoop loop;
  TunnelPair pair(loop);
  pair.wait_ready();
  pair.worker.serve(32 * kMiB);
  TunnelUser& stuck = pair.server.open();
  stuck.reading = Reading::Never;
  TunnelUser& fast = pair.server.open();
  REQUIRE(run_until(loop, [&] { return fast.closed.has_value(); }));
  CHECK(fast.received == 32 * kMiB);
  CHECK(stuck.received == limits::kInitialStreamWindow);
  CHECK(pair.server.link->figures().held_bytes == limits::kInitialStreamWindow);
  stuck.reading = Reading::AtOnce;
  pair.server.link->consumed(stuck.stream, stuck.received);
  REQUIRE(run_until(loop, [&] { return stuck.closed.has_value(); }));
  CHECK(stuck.received == 32 * kMiB);
  CHECK(stuck.intact);
}

TEST_CASE("a user that forgets its stream leaves no credit behind") {
  EventLoop loop;
  TunnelPair pair(loop);
  pair.wait_ready();
  pair.worker.serve(8 * kMiB);
  for (int i = 0; i < 40; ++i) {  // together far more than the connection's window
    TunnelUser& user = pair.server.open();
    user.reading = Reading::Never;
    bool forgotten = false;
    user.at_body = [&] {
      if (!forgotten && user.received > 100'000) {
        forgotten = true;
        pair.server.link->forget(user.stream);
      }
    };
    REQUIRE(run_until(loop, [&] { return forgotten; }));
    pair.server.users.erase(user.stream);
  }
  REQUIRE(run_until(loop, [&] { return pair.server.link->figures().active_streams == 0; }));
  CHECK(pair.server.link->figures().held_bytes == 0);
  TunnelUser& whole = pair.server.open();
  REQUIRE(run_until(loop, [&] { return whole.closed.has_value(); }));
  CHECK(whole.received == 8 * kMiB);
}

TEST_CASE("a drain from either side lets streams finish and then ends cleanly") {
  for (const bool by_worker : {false, true}) {
    for (const Wire wire : {Wire::Plain, Wire::Encrypted}) {
      CAPTURE(by_worker);
      EventLoop loop;
      TunnelPair pair(loop, wire);
      pair.wait_ready();
      pair.worker.serve(8 * kMiB);
      for (int i = 0; i < 20; ++i) {
        pair.server.open();
      }
      (by_worker ? pair.worker : pair.server).link->drain("test", 60s);
      TunnelEnd& told = by_worker ? pair.server : pair.worker;
      REQUIRE(run_until(loop, [&] { return !told.controls.empty(); }));
      CHECK(std::holds_alternative<control::Drain>(told.controls[0]));
      CHECK_FALSE(pair.server.link->can_open());
      CHECK(pair.server.link->figures().draining);
      TunnelUser late(*pair.server.link);
      CHECK(pair.server.link->open({{":method", "GET"}}, true, late).error().kind() ==
            ErrorKind::Closed);
      REQUIRE(run_until(loop, [&] {
        return pair.server.failure.has_value() && pair.worker.failure.has_value();
      }));
      for (const auto& [stream, user] : pair.server.users) {
        CHECK(user->received == 8 * kMiB);
        CHECK(user->closed == H2Code::NoError);
      }
      CHECK(pair.server.failure->sentence() == "tunnel connection was drained");
      CHECK(pair.worker.failure->sentence() == "tunnel connection was drained");
    }
  }
}

TEST_CASE("an idle connection drains at once; a deadline that passes ends what still runs") {
  EventLoop loop;
  TunnelPair idle(loop);
  idle.wait_ready();
  idle.worker.link->drain("idle", 60s);
  REQUIRE(run_until(
      loop, [&] { return idle.server.failure.has_value() && idle.worker.failure.has_value(); }));

  TunnelPair busy(loop);
  busy.wait_ready();
  busy.worker.serve(64 * kMiB);
  TunnelUser& stuck = busy.server.open();
  stuck.reading = Reading::Never;
  REQUIRE(run_until(loop, [&] { return stuck.received > 0; }));
  busy.server.link->drain("deadline", 0s);
  REQUIRE(run_until(
      loop, [&] { return busy.server.failure.has_value() && busy.worker.failure.has_value(); }));
  CHECK(stuck.closed == H2Code::Cancel);
  CHECK(busy.worker.users.begin()->second->closed == H2Code::Cancel);
}

TEST_CASE("when the socket dies all streams are told, then the owner") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Encrypted);
  pair.wait_ready();
  pair.worker.serve(64 * kMiB);
  std::size_t told_before_owner = 0;
  for (int i = 0; i < 50; ++i) {
    TunnelUser& user = pair.server.open();
    user.at_closed = [&] { told_before_owner += pair.server.failure.has_value() ? 0U : 1U; };
  }
  REQUIRE(run_until(loop, [&] { return pair.server.users.begin()->second->received > kMiB; }));
  TunnelUser& unsent = pair.server.open();
  unsent.at_closed = [&] { told_before_owner += pair.server.failure.has_value() ? 0U : 1U; };
  pair.server.users.begin()->second->at_body = [] {};
  shutdown(pair.server_socket, SHUT_RDWR);
  REQUIRE(run_until(
      loop, [&] { return pair.server.failure.has_value() && pair.worker.failure.has_value(); }));
  CHECK(pair.server.all_closed());
  CHECK(pair.worker.all_closed());
  CHECK(told_before_owner == 51);
  for (const auto& [stream, user] : pair.server.users) {
    CHECK((user->closed == H2Code::InternalError || user->closed == H2Code::RefusedStream));
  }
  // Late calls find nobody.
  pair.server.link->send(StreamId{3}, as_bytes("late"), true);
  pair.server.link->reset(StreamId{3}, H2Code::Cancel);
  pair.server.link->consumed(StreamId{3}, 100);
  pair.server.link->drain("late", 1s);
  CHECK_FALSE(pair.server.link->can_open());
}

TEST_CASE("close tells the streams and not the owner; the peer's owner hears of it") {
  EventLoop loop;
  TunnelPair pair(loop, Wire::Encrypted);
  pair.wait_ready();
  pair.worker.serve(64 * kMiB);
  TunnelUser& user = pair.server.open();
  REQUIRE(run_until(loop, [&] { return user.received > 0; }));
  pair.server.link->close(H2Code::NoError);
  CHECK(user.closed == H2Code::InternalError);
  CHECK_FALSE(pair.server.failure.has_value());
  pair.server.link.reset();
  REQUIRE(run_until(loop, [&] { return pair.worker.failure.has_value(); }));
  CHECK(pair.worker.failure->kind() == ErrorKind::Closed);
  CHECK(pair.worker.all_closed());
}

TEST_CASE("a link may go from inside any callback of its own") {
  enum class At { Ready, Request, Head, Body, End, StreamClosed, LinkClosed, BodyByRetire };
  for (const At at : {At::Ready,
                      At::Request,
                      At::Head,
                      At::Body,
                      At::End,
                      At::StreamClosed,
                      At::LinkClosed,
                      At::BodyByRetire}) {
    CAPTURE(static_cast<int>(at));
    EventLoop loop;
    auto pair = std::make_unique<TunnelPair>(loop);
    bool gone = false;
    bool called_after = false;
    const auto go = [&] {
      called_after = called_after || gone;
      gone = true;
      TunnelEnd& end = at == At::Request ? pair->worker : pair->server;
      if (at == At::BodyByRetire) {
        loop.retire(std::move(end.link));
      } else {
        end.link.reset();
      }
    };
    if (at == At::Ready) {
      pair->server.at_ready = go;
      REQUIRE(run_until(loop, [&] { return gone; }));
    } else {
      pair->wait_ready();
      pair->worker.serve(200'000);
      if (at == At::Request) {
        pair->worker.at_request = [&](StreamId, const Fields&) { go(); };
      }
      std::vector<TunnelUser*> users;
      for (int i = 0; i < 3; ++i) {
        users.push_back(&pair->server.open());
      }
      for (TunnelUser* user : users) {
        if (at == At::Head) {
          user->at_head = go;
        } else if (at == At::Body || at == At::BodyByRetire) {
          user->at_body = [&] {
            if (!gone) {
              go();
            }
          };
          user->reading = Reading::Never;
        } else if (at == At::End) {
          user->at_end = go;
        } else if (at == At::StreamClosed) {
          user->at_closed = go;
        }
      }
      if (at == At::LinkClosed) {
        pair->server.at_closed = go;
        shutdown(pair->server_socket, SHUT_RDWR);
      }
      REQUIRE(run_until(loop, [&] { return gone; }));
    }
    REQUIRE(run_until(loop, [&] {
      return at == At::Request ? pair->server.failure.has_value()
                               : pair->worker.failure.has_value();
    }));
    CHECK_FALSE(called_after);
  }
}

TEST_CASE("users may reset or forget their own and each other's streams from inside callbacks") {
  EventLoop loop;
  TunnelPair pair(loop);
  pair.wait_ready();
  pair.worker.serve(4 * kMiB);
  std::vector<TunnelUser*> users;
  for (int i = 0; i < 10; ++i) {
    users.push_back(&pair.server.open());
  }
  for (std::size_t i = 0; i < users.size(); ++i) {
    TunnelUser* user = users[i];
    TunnelUser* next = users[(i + 1) % users.size()];
    user->at_body = [&pair, user, next, i] {
      if (user->received > 500'000) {
        user->at_body = nullptr;
        if (i % 2 == 0) {
          pair.server.link->reset(user->stream, H2Code::Cancel);
        } else {
          pair.server.link->forget(next->stream);
          next->closed = H2Code::Cancel;
        }
      }
    };
  }
  REQUIRE(run_until(loop, [&] { return pair.server.link->figures().active_streams == 0; }));
  REQUIRE(run_until(loop, [&] { return pair.worker.all_closed(); }));
  CHECK(pair.server.link->figures().held_bytes == 0);
  CHECK_FALSE(pair.server.failure.has_value());
}
