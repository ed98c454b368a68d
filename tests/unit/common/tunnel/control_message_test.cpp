#include "common/tunnel/control_message.hpp"

#include <doctest/doctest.h>

#include "common/base/limits.hpp"

using namespace scpool;
using namespace std::chrono_literals;

namespace {

std::vector<ControlMessage> received(std::string_view text) {
  ControlReader reader;
  auto messages = reader.receive(as_bytes(text));
  REQUIRE(messages.ok());
  return std::move(messages).value();
}

std::string problem(std::string_view text) {
  ControlReader reader;
  const auto messages = reader.receive(as_bytes(text));
  return messages.ok() ? "no problem" : messages.error().sentence();
}

}  // namespace

TEST_CASE("what is written is read back, whatever the cuts") {
  const std::string text =
      to_line(control::Ready{}) + to_line(control::Drain{"rolling \"restart\"\n", 1500ms}) +
      to_line(control::Drained{}) + to_line(control::Sync{{1, 3, 2147483647}}) +
      to_line(control::Delete{"webui"});
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
    ControlReader reader;
    std::vector<ControlMessage> messages;
    for (std::size_t at = 0; at < text.size(); at += step) {
      auto some = reader.receive(as_bytes(std::string_view(text).substr(at, step)));
      REQUIRE(some.ok());
      for (ControlMessage& message : some.value()) {
        messages.push_back(std::move(message));
      }
    }
    REQUIRE(messages.size() == 5);
    CHECK(std::holds_alternative<control::Ready>(messages[0]));
    const auto& drain = std::get<control::Drain>(messages[1]);
    CHECK(drain.reason == "rolling \"restart\"\n");
    CHECK(drain.deadline == 1500ms);
    CHECK(std::holds_alternative<control::Drained>(messages[2]));
    CHECK(std::get<control::Sync>(messages[3]).streams ==
          std::vector<std::int32_t>{1, 3, 2147483647});
    CHECK(std::get<control::Delete>(messages[4]).reason == "webui");
  }
}

TEST_CASE("a message is one line of JSON") {
  CHECK(to_line(control::Ready{}) == "{\"type\":\"ready\"}\n");
  CHECK(to_line(control::Drain{"x", 2s}) ==
        "{\"deadline_ms\":2000,\"reason\":\"x\",\"type\":\"drain\"}\n");
  // Bytes that are no UTF-8 do not break the line.
  CHECK(received(to_line(control::Delete{"\xff\n"})).size() == 1);
}

TEST_CASE("unknown types, unknown members and empty lines are ignored") {
  CHECK(received("{\"type\":\"replace\",\"node\":\"b\"}\n{\"type\":\"peers\",\"peers\":[]}\n"
                 "{\"type\":\"news\"}\n{\"type\":\"config\",\"x\":{\"y\":[1]}}\n\n\r\n")
            .empty());
  const auto messages = received("{\"type\":\"ready\",\"since\":[1,2]}\r\n");
  REQUIRE(messages.size() == 1);
  CHECK(std::holds_alternative<control::Ready>(messages[0]));
}

TEST_CASE("a drain without members drains at once; an endless deadline is cut") {
  const auto messages =
      received("{\"type\":\"drain\"}\n{\"type\":\"drain\",\"deadline_ms\":18446744073709551615}\n");
  REQUIRE(messages.size() == 2);
  CHECK(std::get<control::Drain>(messages[0]).deadline == 0s);
  CHECK(std::get<control::Drain>(messages[1]).deadline == 24h * 30);
}

TEST_CASE("what is no message is a protocol error") {
  CHECK(problem("nonsense\n") == "control message: not a JSON object");
  CHECK(problem("[1]\n") == "control message: not a JSON object");
  CHECK(problem("{\"type\":7}\n") == "control message: without a type");
  CHECK(problem("{}\n") == "control message: without a type");
  CHECK(problem("{\"type\":\"sync\"}\n") == "control message: sync without a list of streams");
  CHECK(problem("{\"type\":\"sync\",\"streams\":[-1]}\n") ==
        "control message: sync with something that is no stream id");
  CHECK(problem("{\"type\":\"sync\",\"streams\":[2147483648]}\n") ==
        "control message: sync with something that is no stream id");
  CHECK(problem("{\"type\":\"drain\",\"deadline_ms\":\"soon\"}\n") ==
        "control message: drain with a deadline that is no number of milliseconds");
}

TEST_CASE("a message may have 64 KiB and no byte more, also before its end is seen") {
  const std::string frame = "{\"type\":\"delete\",\"reason\":\"\"}";
  const std::string fitting(limits::kMaxControlMessage - frame.size(), 'x');
  CHECK(received("{\"type\":\"delete\",\"reason\":\"" + fitting + "\"}\n").size() == 1);
  CHECK(problem("{\"type\":\"delete\",\"reason\":\"" + fitting + "x\"}\n") ==
        "control message: longer than 64 KiB");
  CHECK(problem(std::string(limits::kMaxControlMessage + 1, ' ')) ==
        "control message: longer than 64 KiB");
}

TEST_CASE("stats carry the number of jobs there and back") {
  const std::vector<ControlMessage> messages = received(to_line(control::Stats{7}));
  REQUIRE(messages.size() == 1);
  CHECK(std::get<control::Stats>(messages.front()).jobs == 7);
  CHECK(problem("{\"type\":\"stats\"}\n") == "control message: stats without a number of jobs");
}
