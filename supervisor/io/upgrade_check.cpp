#include "supervisor/io/upgrade_check.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/io/log_tail.hpp"
#include "supervisor/io/program_exchange.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kAnswerLines = 1;

std::vector<std::pair<std::string, std::string>> whole_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const std::string& line : own_environment()) {
    const std::size_t equals = line.find('=');
    variables.emplace_back(line.substr(0, equals),
                           equals == std::string::npos ? "" : line.substr(equals + 1));
  }
  return variables;
}

std::optional<UpgradeAnswer> read_answer(const std::string& line) {
  const Json root = parse_json(line);
  if (!root.is_object() || !root.contains("build") || !root["build"].is_string() ||
      !root.contains("plan") || !root["plan"].is_array()) {
    return std::nullopt;
  }
  UpgradeAnswer answer;
  answer.build = root["build"].get<std::string>();
  for (const Json& step : root["plan"]) {
    answer.plan.push_back(step.is_string() ? step.get<std::string>() : "");
  }
  return answer;
}

}  // namespace

std::string upgrade_answer_json(const UpgradeAnswer& answer) {
  return json_text(Json{{"build", answer.build}, {"plan", answer.plan}});
}

UpgradeCheck::UpgradeCheck(EventLoop& loop, Question question, OnAnswer on_answer)
    : question_(std::move(question)), on_answer_(std::move(on_answer)), deadline_(loop) {}

UpgradeCheck::~UpgradeCheck() {
  if (process_ != nullptr && process_->running()) {
    process_->signal_group(SIGKILL);
  }
}

Result<std::unique_ptr<UpgradeCheck>> UpgradeCheck::begin(EventLoop& loop,
                                                          Question question,
                                                          OnAnswer on_answer) {
  auto check = std::make_unique<UpgradeCheck>(loop, std::move(question), std::move(on_answer));
  const Question& asked = check->question_;
  const int output =
      open(asked.answer_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) {
    return Error::from_errno(errno, asked.answer_file);
  }
  SpawnPlan plan;
  plan.program = asked.program;
  plan.arguments = {"upgrade-check", asked.handover_file};
  plan.arguments.insert(plan.arguments.end(), asked.words.begin(), asked.words.end());
  plan.environment = whole_environment();
  std::error_code ignored;
  plan.working_directory = std::filesystem::current_path(ignored).string();
  plan.stdout_descriptor = output;
  plan.stderr_descriptor = output;
  auto process = ChildProcess::spawn(
      loop, plan, [self = check.get()](const ProcessExit& exit) { self->take_answer(exit); });
  close(output);
  if (!process) {
    unlink(asked.answer_file.c_str());
    return process.error();
  }
  check->process_ = std::move(process).value();
  check->deadline_.start(asked.limit, [self = check.get()] {
    self->late_ = true;
    self->process_->signal_group(SIGKILL);
  });
  return check;
}

void UpgradeCheck::take_answer(const ProcessExit& exit) {
  deadline_.cancel();
  const std::vector<std::string> lines = last_lines(question_.answer_file, kAnswerLines);
  unlink(question_.answer_file.c_str());
  const std::string line = lines.empty() ? "" : lines.back();
  const auto answer = read_answer(line);
  const auto tell = std::exchange(on_answer_, nullptr);
  if (late_) {
    tell(Error(ErrorKind::TimedOut,
               question_.program + ": no answer within " + duration_text(question_.limit)));
  } else if (exit.signal != 0 || exit.status != 0) {
    tell(Error(ErrorKind::Invalid,
               question_.program + " " + exit.text() + (line.empty() ? "" : ": " + line)));
  } else if (!answer) {
    tell(Error(ErrorKind::Invalid, question_.program + ": not an sc-pool that can take over"));
  } else {
    tell(*answer);
  }
}

}  // namespace scpool::supervisor
