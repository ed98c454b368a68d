"""`./dev bench [--quick] [names...]`: what a request through the tunnel costs, beside its peers.

A round visits every case, and in each case every target in turn, so that a disturbed machine
disturbs all alike; the median of the rounds counts. Something measured while somebody else took a
noticeable share of the processors is measured again, as long as the run stays within its time.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import types

import far_link
import goals
import idle_tunnels
import machine
import peers
import report
from cases import cases
from pool import BIN

DISTURBED = 0.10  # of the processors' time
REPEATS = 2       # of one measurement
MEMORY_CASES = ("idle memory", "held stream", "stalled download", "memory after")
ERRORS = (AssertionError, OSError, ValueError, subprocess.SubprocessError)


class Run:
    def __init__(self, quick):
        self.quick, self.started = quick, time.monotonic()
        self.limit = 115 if quick else 570
        self.rounds = 1 if quick else 3
        # What may go into repeating: the rest is needed for the rounds themselves.
        self.spare = (0.06 if quick else 0.15) * self.limit
        self.results = {}  # case -> target -> [figures]
        self.case_seconds = {}
        self.encrypted = set()  # names of targets
        # What the figures do not tell: what of ours failed, and what is missing for another reason.
        self.failed, self.left_out = [], []

    def left(self):
        return self.limit - (time.monotonic() - self.started)

    def note(self, where, text):
        where.append(text)
        print(f"\r\033[K{text}", file=sys.stderr)

    def undisturbed(self, measure, repeats=REPEATS):
        """The figures of `measure()`; of several attempts those that were disturbed least."""
        best = None
        for attempt in range(1 + repeats):
            started = time.monotonic()
            watch = machine.Watch()
            figures = measure()
            figures.update(watch.disturbance())
            share = figures["others"] + figures["stolen"]
            if best is None or share < best["others"] + best["stolen"]:
                best = figures
            taken = time.monotonic() - started
            self.spare -= taken if attempt else 0
            if share < DISTURBED or self.spare < taken:
                break
        best["disturbed"] = best["others"] + best["stolen"] >= DISTURBED
        return best

    def go_alone(self, case, measure):
        """A case that starts what it needs by itself, and gives {target: [figures]}."""
        started = time.monotonic()
        print(f"\r\033[K{case.name}", end="", file=sys.stderr, flush=True)
        try:
            self.results[case.name] = measure(self)
        except ERRORS as error:
            self.note(self.failed, f"{case.name}: {error}")
        self.case_seconds[case.name] = time.monotonic() - started

    def go(self, chosen, targets):
        for number in range(self.rounds):
            for case in chosen:
                if number < (case.rounds or self.rounds):
                    self.go_round(case, number, targets)
        print("\r\033[K", end="", file=sys.stderr)

    def go_round(self, case, number, targets):
        rounds = f"round {number + 1} of {self.rounds}"
        if self.left() < self.case_seconds.get(case.name, 0):
            self.note(self.left_out, f"{case.name}, {rounds}: no time is left for it")
            return
        started = time.monotonic()
        for target in targets:
            if case.concerns(target):
                print(f"\r\033[K{rounds}: {case.name}: {target.name}", end="", file=sys.stderr,
                      flush=True)
                self.try_to_measure(case, target)
        self.case_seconds[case.name] = time.monotonic() - started

    def try_to_measure(self, case, target):
        """Who fails a case is named, and all go on; ours may not fail."""
        repeats = 0 if case.name.startswith(MEMORY_CASES) else REPEATS
        try:
            figures = self.undisturbed(lambda: case.measure(target, self.quick), repeats)
            self.results.setdefault(case.name, {}).setdefault(target.name, []).append(figures)
        except ERRORS as error:
            self.note(self.failures_of(target), f"{case.name}, {target.name}: {error}")

    def failures_of(self, target):
        return self.failed if target.name.startswith("sc-pool") else self.left_out

    def medians(self):
        return {case: {target: {name: statistics.median(float(one[name]) for one in rounds)
                                for name in rounds[0]}
                       for target, rounds in by_target.items()}
                for case, by_target in self.results.items()}

    def disturbed(self, case):
        return {target: sum(one.get("disturbed", False) for one in rounds)
                for target, rounds in self.results[case].items()}


def make_certificate(directory):
    certificate = types.SimpleNamespace(key=directory / "key.pem", pem=directory / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", certificate.key, "-out", certificate.pem],
                   check=True, capture_output=True)
    return certificate


def start_targets(run, directory, origin, names, stack):
    """The targets asked for; `stack` closes them."""
    certificate = make_certificate(directory)
    targets = []
    for kind in peers.TARGETS:
        # Ratios need direct, and CONNECT goes through the same pool.
        if not (kind.name in names or kind is peers.Direct or
                kind is peers.OurPool and peers.OurConnect.name in names):
            continue
        try:
            if kind is peers.OurConnect:
                pool = [one for one in targets if type(one) is peers.OurPool]
                assert pool, "its pool is missing"
                target = kind(pool[0])
            else:
                target = kind(directory, origin, certificate)
        except ERRORS as error:
            run.note(run.failures_of(kind), f"{kind.name} did not start: {error}")
            continue
        stack.callback(target.close)
        targets.append(target)
        if target.encrypted:
            run.encrypted.add(target.name)
    return targets


def chosen_of(words, names):
    """Those of `names` that contain one of the words; all when none does."""
    return [name for name in names if any(word in name.lower() for word in words)] or names


def measure_all(run, chosen, target_names):
    with tempfile.TemporaryDirectory(prefix="sc-pool-bench-") as directory, contextlib.ExitStack() as stack:
        directory = pathlib.Path(directory)
        if idle_tunnels.CASE in chosen:
            run.go_alone(idle_tunnels.CASE, lambda run: idle_tunnels.measure(run, directory))
        origin = peers.Origin(directory)
        stack.callback(origin.close)
        if far_link.CASE in chosen:
            if why := far_link.missing():
                run.note(run.left_out, f"{far_link.CASE.name}: {why}")
            else:
                run.go_alone(far_link.CASE, lambda run: far_link.measure(run, directory, origin.files))
        rest = [case for case in chosen if case.measure]
        if rest:
            run.go(rest, start_targets(run, directory, origin, target_names, stack))


def print_report(run, every_case):
    """Prints the tables; gives the verdicts on the goals."""
    figures = goals.Figures(run.medians(), run.encrypted)
    print("Behind each figure its ratio to direct and to the best encrypted peer, then what each end\n"
          "used: near is beside the client (our server), far beside the site (our worker).\n"
          f"The system's congestion control is {machine.congestion_control()}.")
    for case in every_case:
        if case.name in figures.medians:
            print("\n" + report.case_table(case, figures.medians[case.name],
                                           figures.best(case.name, case.better),
                                           run.disturbed(case.name)))
    rows = goals.goals(figures)
    if rows:
        print("\n" + report.goal_table(rows))
    marked = sum(sum(run.disturbed(case).values()) for case in run.results)
    if marked:
        print(f"\n!: the machine was disturbed in that round; {marked} measurements in all.")
    for heading, lines in (("Left out", run.left_out), ("FAILED", run.failed)):
        if lines:
            print("\n  ".join([f"\n{heading}:", *lines]))
    return [{"what": row[0], "figure": row[1], "goal": row[3], "moonshot": row[4],
             "verdict": goals.verdict(row)} for row in rows]


def write_json(path, run, verdicts):
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(path.name + ".new")
    whole.write_text(json.dumps(
        {"machine": machine.description(), "programs": str(BIN), "quick": run.quick,
         "seconds": round(time.monotonic() - run.started),
         "case_seconds": {name: round(seconds, 1) for name, seconds in run.case_seconds.items()},
         "goals": verdicts, "failed": run.failed, "left_out": run.left_out, "rounds": run.results},
        indent=1))
    whole.replace(path)


def go_on_with(congestion_control):
    """Replaces this process by one in a network namespace where it is the default; whoever else uses the
    machine keeps his own."""
    # A namespace of its own may have only what everybody is allowed.
    allowed = pathlib.Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_text().split()
    if congestion_control not in allowed:
        sys.exit(f"--congestion-control: this system allows {', '.join(allowed)}; others once they are "
                 "in net.ipv4.tcp_allowed_congestion_control")
    if why := far_link.missing():
        sys.exit(f"--congestion-control: {why}")
    os.execvp("unshare", ["unshare", "--net", "sh", "-c",
                          'ip link set lo up && echo "$0" >/proc/sys/net/ipv4/tcp_congestion_control && exec "$@"',
                          congestion_control, sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="one round, smaller transfers")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("build/bench.json"))
    parser.add_argument("--congestion-control", metavar="NAME",
                        help="of all connections over loopback, ours and the peers'; the system's unless told")
    parser.add_argument("names", nargs="*", type=str.lower,
                        help="only cases and targets that contain one of these")
    arguments = parser.parse_args()
    every_case = [*cases(arguments.quick), far_link.CASE, idle_tunnels.CASE]
    case_names = [case.name for case in every_case]
    target_names = [kind.name for kind in peers.TARGETS]
    for word in arguments.names:
        if not any(word in name.lower() for name in [*case_names, *target_names]):
            parser.error(f"no case or target is called {word}; there are: "
                         f"{'; '.join([*case_names, *target_names])}")
    if arguments.congestion_control not in (None, machine.congestion_control()):
        go_on_with(arguments.congestion_control)
    asked = chosen_of(arguments.names, case_names)
    # Ended from outside it takes its peers with it, and keeps what it has.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machine.allow_many_descriptors()
    run = Run(arguments.quick)
    try:
        measure_all(run, [case for case in every_case if case.name in asked],
                    chosen_of(arguments.names, target_names))
    finally:
        write_json(arguments.json, run, print_report(run, every_case))
        print(f"\n{time.monotonic() - run.started:.0f} s. All figures: {arguments.json}")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
