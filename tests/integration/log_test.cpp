#include "common/io/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/io/log_line.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace scpool;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const WallTime kTime{std::chrono::microseconds{1'795'158'000'123'456}};

}  // namespace

TEST_CASE("a line in each format") {
  const auto line = [](LogFormat format) {
    return log_line(format,
                    kTime,
                    LogLevel::Info,
                    "control",
                    "tunnel \"a\" is up",
                    {{"id", "abc"}, {"why", "two words"}, {"none", ""}});
  };
  CHECK(line(LogFormat::Text) ==
        "2026/11/20 07:00:00.123456 [control] [INFO] tunnel \"a\" is up id=abc why=\"two words\" "
        "none=\"\"\n");
  CHECK(line(LogFormat::KeyValue) ==
        "time=2026-11-20T07:00:00.123Z level=info module=control msg=\"tunnel \\\"a\\\" is up\" "
        "id=abc why=\"two words\" none=\"\"\n");
  const auto json = parse_json(line(LogFormat::Json));
  CHECK(json["time"] == "2026-11-20T07:00:00.123Z");
  CHECK(json["level"] == "info");
  CHECK(json["msg"] == "tunnel \"a\" is up");
  CHECK(json["why"] == "two words");
}

TEST_CASE("whatever is logged, one event is one line of valid JSON") {
  std::string nasty("a\nb\r\t\x01\x7f \"\\ \xff\xc3\x28\xed\xa0\x80 \xe2\x82\xac ok");
  nasty.push_back('\0');
  for (const LogFormat format : {LogFormat::Text, LogFormat::KeyValue, LogFormat::Json}) {
    const std::string line = log_line(format, kTime, LogLevel::Error, "m", nasty, {{"k", nasty}});
    CHECK(line.find('\n') == line.size() - 1);
    if (format == LogFormat::Json) {
      const auto json = parse_json(line);
      REQUIRE_FALSE(json.is_discarded());
      CHECK(json["k"].get<std::string>().find("\xe2\x82\xac ok") != std::string::npos);
    }
  }
}

TEST_CASE("a log goes to its file, respects its level and follows a rotation") {
  const TemporaryDirectory folder;
  const std::string path = folder.path("worker.log");
  auto opened = Log::open({path, LogFormat::Text, LogLevel::Info});
  REQUIRE(opened.ok());
  Log log = std::move(opened).value();
  struct stat facts {};
  REQUIRE(stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  log.info("a", "one");
  log.debug("a", "not wanted");
  log.error("a", "two");
  CHECK(content(path).find("[a] [INFO] one\n") != std::string::npos);
  CHECK(content(path).find("not wanted") == std::string::npos);

  std::filesystem::rename(path, path + ".1");
  log.info("a", "still the old file");
  REQUIRE(log.reopen().ok());
  log.info("a", "the new file");
  CHECK(content(path + ".1").find("still the old file") != std::string::npos);
  CHECK(content(path).find("the new file") != std::string::npos);

  std::filesystem::rename(path, path + ".2");
  std::filesystem::create_directory(path);
  const auto failed = log.reopen();
  CHECK_FALSE(failed.ok());
  log.info("a", "kept");
  CHECK(content(path + ".2").find("kept") != std::string::npos);
}

TEST_CASE("a log that cannot be opened says which and why") {
  const auto log = Log::open({"/nonexistent/folder/x.log", LogFormat::Text, LogLevel::Info});
  REQUIRE_FALSE(log.ok());
  CHECK(log.error().sentence() ==
        "cannot write the log file /nonexistent/folder/x.log: No such file or directory");
}

TEST_CASE("a full disk costs lines, not the program") {
  auto log = Log::open({"/dev/full", LogFormat::Text, LogLevel::Info});
  REQUIRE(log.ok());
  log.value().info("a", "lost");
  log.value().info("a", "lost, too");
  CHECK(log.value().dropped_lines() == 2);
}

TEST_CASE("a pipe that nobody reads does not stop us, and says later how much was lost") {
  int ends[2] = {};
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const int saved = dup(STDOUT_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  auto log = Log::open({"", LogFormat::Text, LogLevel::Info});
  dup2(saved, STDOUT_FILENO);
  close(saved);
  REQUIRE(log.ok());
  while (log.value().dropped_lines() < 3) {
    log.value().info("a", std::string(500, 'x'));
  }
  std::string seen(1024 * 1024, '\0');
  const auto first = read(ends[0], seen.data(), seen.size());
  REQUIRE(first > 0);
  log.value().info("a", "after");
  const auto second = read(ends[0], seen.data(), seen.size());
  REQUIRE(second > 0);
  seen.resize(static_cast<std::size_t>(second));
  CHECK(seen.find("3 lines could not be written here\n") != std::string::npos);
  CHECK(seen.find("] after\n") != std::string::npos);
  close(ends[0]);
  close(ends[1]);
}
