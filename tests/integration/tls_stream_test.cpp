#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "common/base/limits.hpp"
#include "common/base/text.hpp"
#include "common/tls/proof.hpp"
#include "tests/support/recorded_stream.hpp"
#include "tests/support/tls_pair.hpp"

using namespace scpool;

namespace {

struct TlsPair {
  explicit TlsPair(const std::string& name = "localhost") {
    auto made = Listener::tcp(loop, {"127.0.0.1", 0}, [this](std::unique_ptr<Stream> stream) {
      server = std::make_unique<RecordedStream>(std::move(stream));
      server->stream->start_tls(TlsSession::accept(contexts.server));
    });
    REQUIRE(made.ok());
    listener = std::move(made).value();
    client = std::make_unique<RecordedStream>(Stream::connect_tcp(loop, listener->endpoint()));
    client->stream->start_tls(TlsSession::connect(contexts.client, name));
  }
  void wait() {
    run_until(loop,
              [this] { return server != nullptr && server->opened == 1 && client->opened == 1; });
  }

  TlsPairContexts contexts;
  EventLoop loop;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<RecordedStream> client;
  std::unique_ptr<RecordedStream> server;
};

}  // namespace

TEST_CASE("TLS streams open once, carry both ways and end on each side alone") {
  TlsPair pair;
  pair.client->stream->write("written before ");
  pair.client->stream->write("the handshake");
  pair.wait();
  CHECK(pair.client->stream->tls()->protocol() == "TLSv1.3");
  CHECK(pair.client->stream->tls()->channel_binding() ==
        pair.server->stream->tls()->channel_binding());
  pair.client->stream->end();
  REQUIRE(run_until(pair.loop, [&] { return pair.server->ended == 1; }));
  CHECK(pair.server->received == "written before the handshake");
  const std::string_view words[] = {"an answer ", "after ", "your end"};
  const ByteView parts[] = {as_bytes(words[0]), as_bytes(words[1]), as_bytes(words[2])};
  pair.server->stream->write_parts(parts);
  pair.server->stream->end();
  REQUIRE(run_until(pair.loop, [&] { return pair.client->ended == 1; }));
  CHECK(pair.client->received == "an answer after your end");
  CHECK_FALSE(pair.client->failure.has_value());
  CHECK_FALSE(pair.server->failure.has_value());
}

TEST_CASE("100 MiB through TLS arrive as they were, with a bounded queue") {
  TlsPair pair;
  pair.wait();
  constexpr std::size_t kTotal = 100 * 1024 * 1024;
  std::string block(1024 * 1024, '\0');
  for (std::size_t i = 0; i < block.size(); ++i) {
    block[i] = static_cast<char>((i * 2654435761U) >> 13);
  }
  // Blocks chained by their digests: any change, loss or swap shows in the last one.
  Bytes sent_digest(32);
  Bytes received_digest(32);
  const auto chain = [](Bytes& digest, std::string_view bytes) {
    const Bytes part = sha256(as_bytes(bytes));
    digest.insert(digest.end(), part.begin(), part.end());
    digest = sha256(digest);
  };
  std::size_t written = 0;
  std::size_t largest = 0;
  std::size_t offset = 0;
  const auto fill = [&] {
    Stream& out = *pair.client->stream;
    while (written < kTotal && out.queued() < limits::kWriteQueueHigh) {
      const std::size_t size = std::min<std::size_t>(64 * 1024, block.size() - offset);
      out.write(std::string_view(block).substr(offset, size));
      written += size;
      offset += size;
      largest = std::max(largest, out.queued());
      if (offset == block.size()) {
        chain(sent_digest, block);
        std::rotate(block.begin(), block.begin() + 1, block.end());
        offset = 0;
      }
    }
    if (written == kTotal) {
      out.end();
    }
  };
  std::string collected;
  pair.server->keep = false;
  pair.server->at_bytes = [&](ByteView bytes) {
    collected += as_text(bytes);
    while (collected.size() >= 1024 * 1024) {
      chain(received_digest, std::string_view(collected).substr(0, 1024 * 1024));
      collected.erase(0, 1024 * 1024);
    }
  };
  pair.client->at_drained = fill;
  fill();
  REQUIRE(run_until(pair.loop, [&] { return pair.server->ended == 1; }));
  CHECK(pair.server->received_size == kTotal);
  CHECK(to_hex(received_digest) == to_hex(sent_digest));
  CHECK(largest < limits::kWriteQueueHigh + 72 * 1024);
}

TEST_CASE("pausing holds back what is decrypted already, too") {
  TlsPair pair;
  pair.server = nullptr;
  pair.wait();
  pair.server->at_bytes = [&](ByteView) { pair.server->stream->pause_reading(); };
  pair.client->stream->write("one");
  REQUIRE(run_until(pair.loop, [&] { return pair.server->received == "one"; }));
  pair.client->stream->write(std::string(200'000, 'x'));
  pair.client->stream->end();
  while (pair.server->ended == 0) {
    const std::size_t before = pair.server->received_size;
    pair.server->stream->resume_reading();
    run_until(pair.loop,
              [&] { return pair.server->received_size > before || pair.server->ended == 1; });
  }
  CHECK(pair.server->received_size == 200'003);
}

TEST_CASE("a connection handed on in the middle of a batch of records loses none of them") {
  TlsPair pair;
  pair.wait();
  pair.server->at_bytes = [&](ByteView) { pair.server->stream->set_listener(nullptr); };
  pair.client->stream->write("first");
  REQUIRE(run_until(pair.loop, [&] { return pair.server->received == "first"; }));
  pair.client->stream->write(std::string(100'000, 'y'));
  pair.client->stream->end();
  RecordedStream next(std::move(pair.server->stream));
  REQUIRE(run_until(pair.loop, [&] { return next.ended == 1; }));
  CHECK(next.received == std::string(100'000, 'y'));
}

TEST_CASE("a certificate for another name fails both sides with a reason") {
  TlsPair pair("other.example");
  REQUIRE(run_until(pair.loop, [&] {
    return pair.client->failure.has_value() && pair.server != nullptr &&
           pair.server->failure.has_value();
  }));
  CHECK(pair.client->failure->kind() == ErrorKind::Denied);
  CHECK(pair.client->failure->sentence().find("not for other.example") != std::string::npos);
  CHECK(pair.client->opened == 0);
}

TEST_CASE("an end without close_notify is a failure: somebody may have cut it") {
  TlsPair pair;
  pair.wait();
  pair.client->stream->write("so far");
  run_until(pair.loop, [&] { return pair.server->received == "so far"; });
  pair.client.reset();
  REQUIRE(run_until(pair.loop, [&] { return pair.server->failure.has_value(); }));
  CHECK(pair.server->failure->kind() == ErrorKind::Closed);
  CHECK(pair.server->ended == 0);
}

TEST_CASE("plain bytes at a TLS port, and a client that leaves during the handshake") {
  TlsPair pair;
  pair.wait();
  SUBCASE("plain HTTP") {
    RecordedStream plain(Stream::connect_tcp(pair.loop, pair.listener->endpoint()));
    pair.server = nullptr;
    plain.stream->write("GET / HTTP/1.1\r\n\r\n");
    run_until(pair.loop,
              [&] { return pair.server != nullptr && pair.server->failure.has_value(); });
    CHECK(pair.server->failure->sentence().find("plain HTTP") != std::string::npos);
  }
  SUBCASE("gone") {
    pair.server = nullptr;
    RecordedStream plain(Stream::connect_tcp(pair.loop, pair.listener->endpoint()));
    plain.stream->end();
    run_until(pair.loop,
              [&] { return pair.server != nullptr && pair.server->failure.has_value(); });
    CHECK(pair.server->failure->sentence() ==
          "the peer closed the connection during the TLS handshake");
  }
}

TEST_CASE("a TLS stream may be destroyed from inside each of its callbacks") {
  TlsPair pair;
  bool gone = false;
  const auto destroy = [&] {
    pair.client.reset();
    gone = true;
  };
  SUBCASE("on_open") {
    pair.client->at_open = destroy;
  }
  SUBCASE("on_bytes, with more records behind") {
    pair.wait();
    pair.client->at_bytes = [&](ByteView) { destroy(); };
    pair.server->stream->write(std::string(500'000, 'x'));
  }
  SUBCASE("on_end") {
    pair.wait();
    pair.client->at_end = destroy;
    pair.server->stream->end();
  }
  SUBCASE("on_failed") {
    pair.wait();
    pair.client->at_failed = destroy;
    pair.server.reset();
  }
  SUBCASE("on_drained") {
    pair.wait();
    pair.server->keep = false;
    pair.client->at_drained = destroy;
    pair.client->stream->write(std::string(16 * 1024 * 1024, 'x'));
  }
  CHECK(run_until(pair.loop, [&] { return gone; }));
}
