// One function per verb of the command line; they return the exit code. `up` is in up.cpp, what
// talks to a supervisor in client_verbs.cpp and watch_verbs.cpp, the rest in local_verbs.cpp.
#pragma once

#include "supervisor/command_line.hpp"

namespace scpool::supervisor {

ExitCode run_up(const Invocation& invocation);

ExitCode run_down(const Invocation& invocation);
ExitCode run_down_leftovers(const Invocation& invocation);
ExitCode run_restart(const Invocation& invocation);
ExitCode run_scale(const Invocation& invocation);
ExitCode run_drain(const Invocation& invocation);
ExitCode run_reload(const Invocation& invocation);
ExitCode run_upgrade(const Invocation& invocation);
ExitCode run_rollout(const Invocation& invocation);
ExitCode run_plan(const Invocation& invocation);
ExitCode run_explain(const Invocation& invocation);

ExitCode run_status(const Invocation& invocation);
ExitCode run_wait(const Invocation& invocation);
ExitCode run_events(const Invocation& invocation);
ExitCode run_logs(const Invocation& invocation);

ExitCode run_doctor(const Invocation& invocation);

ExitCode run_config(const Invocation& invocation);
ExitCode run_version(const Invocation& invocation);
ExitCode run_completion(const Invocation& invocation);

}  // namespace scpool::supervisor
