#include <doctest/doctest.h>

#include <cstdio>
#include <memory>

#include "common/config/flag_text.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/common/config/sample_table.hpp"

using namespace scpool;

namespace {

std::string script(Shell shell) {
  const FlagTable table = sample_table();
  return completion_script(
      shell,
      "sc-worker",
      {{"run", "Run: it's a tunnel", &table}, {"version", "Print it", nullptr}});
}

std::string output_of(const std::string& command) {
  struct Close {
    void operator()(std::FILE* pipe) const noexcept { pclose(pipe); }
  };
  const std::unique_ptr<std::FILE, Close> pipe(popen(command.c_str(), "r"));
  REQUIRE(pipe);
  std::string text;
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) {
    text += static_cast<char>(c);
  }
  return text;
}

// What bash would offer for these words, the last of which is being typed.
std::string bash_offers(const std::string& words, int last) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("try.bash",
                                           script(Shell::Bash) + "COMP_WORDS=(" + words +
                                               ")\nCOMP_CWORD=" + std::to_string(last) +
                                               "\n_sc_worker\necho \"${COMPREPLY[@]}\"\n");
  return output_of("bash " + file);
}

}  // namespace

TEST_CASE("bash completes commands, flags and choices") {
  CHECK(bash_offers("sc-worker ''", 1) == "run version\n");
  CHECK(bash_offers("sc-worker run --tunnel", 2) == "--tunnel-pool --tunnel-connections\n");
  CHECK(bash_offers("sc-worker run --log-level ''", 3) == "error info debug\n");
  CHECK(bash_offers("sc-worker run -u ''", 3) == "\n");
  CHECK(bash_offers("sc-worker run --pa", 2) == "\n");
  CHECK(bash_offers("sc-worker version --x", 2) == "\n");
}

TEST_CASE("zsh gets commands with their help and flags with their values") {
  const std::string text = script(Shell::Zsh);
  CHECK(text.find("#compdef sc-worker\n") == 0);
  CHECK(text.find("'run:Run\\: it'\\''s a tunnel'\n") != std::string::npos);
  CHECK(text.find("'--log-level=[What log-level is for.]:value:(error info debug)'") !=
        std::string::npos);
  CHECK(text.find("'*-F[What deny-domains is for.]:value:_files'") != std::string::npos);
  CHECK(text.find("'--tunnel-pool[What tunnel-pool is for.]'") != std::string::npos);
  CHECK(text.find("--pac") == std::string::npos);
}

TEST_CASE("fish gets a line for each command and flag") {
  const std::string text = script(Shell::Fish);
  CHECK(text.find(
            "complete -c sc-worker -n __fish_use_subcommand -a run -d 'Run: it\\'s a tunnel'\n") !=
        std::string::npos);
  CHECK(text.find("complete -c sc-worker -n '__fish_seen_subcommand_from run' -l log-level -x -a "
                  "'error info debug' -d 'What log-level is for.'\n") != std::string::npos);
  CHECK(text.find("-l tunnel-pool -s t -d ") != std::string::npos);
  CHECK(text.find("-l pac") == std::string::npos);
}
