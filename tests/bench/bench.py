"""`./dev bench [--quick] [names...]`: what a request through the tunnel costs, beside its peers.

A round visits every case, and in each case every target in turn, so that a disturbed machine
disturbs all alike; the median of the rounds counts. Something measured while somebody else took a
noticeable share of the processors is measured again, as long as the run stays within its time.
"""

import argparse
import json
import pathlib
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

DISTURBED = 0.10  # of the processors' time
REPEATS = 2       # of one measurement
MEMORY_CASES = ("idle memory", "held stream", "stalled download", "memory after")


class Run:
    def __init__(self, quick):
        self.quick, self.started = quick, time.monotonic()
        self.limit = 110 if quick else 570
        self.rounds = 1 if quick else 3
        # What may go into repeating: the rest is needed for the rounds themselves.
        self.spare = 0.15 * self.limit
        self.results = {}  # case -> target -> [figures]

    def left(self):
        return self.limit - (time.monotonic() - self.started)

    def measure(self, case, target, all_pids):
        best = None
        for attempt in range(1 + REPEATS):
            started = time.monotonic()
            watch = machine.Watch(all_pids)
            figures = case.measure(target, self.quick)
            figures.update(watch.disturbance())
            share = figures["others"] + figures["stolen"]
            if best is None or share < best["others"] + best["stolen"]:
                best = figures
            taken = time.monotonic() - started
            if share < DISTURBED or case.name.startswith(MEMORY_CASES) or self.spare < taken:
                break
            self.spare -= taken
        best["disturbed"] = best["others"] + best["stolen"] >= DISTURBED
        self.results.setdefault(case.name, {}).setdefault(target.name, []).append(best)

    def go(self, chosen, targets, all_pids):
        for number in range(self.rounds):
            started = time.monotonic()
            for case in chosen:
                if number >= (case.rounds or self.rounds):
                    continue
                if self.left() < 0:
                    print(f"\r\033[Kno time for {case.name}, round {number + 1}", file=sys.stderr)
                    continue
                for target in targets:
                    if case.concerns(target):
                        print(f"\r\033[Kround {number + 1}: {case.name}: {target.name}", end="",
                              file=sys.stderr, flush=True)
                        self.try_to_measure(case, target, all_pids)
            taken = time.monotonic() - started
            if number + 1 < self.rounds and self.left() < taken:
                print(f"\r\033[K{number + 1} of {self.rounds} rounds: the time is over",
                      file=sys.stderr)
                break
        print("\r\033[K", end="", file=sys.stderr)

    def try_to_measure(self, case, target, all_pids):
        """A peer that fails a case is named, and the others go on; ours may not fail."""
        try:
            self.measure(case, target, all_pids)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            if target.name.startswith("sc-pool"):
                raise
            print(f"\r\033[K{target.name}, {case.name}: {error}", file=sys.stderr)

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


def start_targets(directory, origin, names, targets):
    """Fills `targets`, so that what was started is closed whatever happens."""
    certificate = make_certificate(directory)
    kinds = [peers.Direct, peers.OurPool, peers.OurConnect, peers.PoolOfThree, *peers.PEERS]
    asked = [name for name in names if any(name in kind.name.lower() for kind in kinds)]
    for kind in kinds:
        wanted = not asked or any(name in kind.name.lower() for name in asked)
        if kind is peers.OurConnect:
            pool = next((target for target in targets if type(target) is peers.OurPool), None)
            if pool and wanted:
                targets.append(peers.OurConnect(pool))
        elif wanted or kind is peers.Direct:
            targets.append(kind(directory, origin, certificate))


def print_report(run, every_case, encrypted):
    figures = goals.Figures(run.medians(), encrypted)
    print("Behind each figure its ratio to direct and to the best encrypted peer, then what each end\n"
          "used: near is beside the client (our server), far beside the site (our worker).")
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
    return [{"what": row[0], "figure": row[1], "goal": row[3], "moonshot": row[4],
             "verdict": goals.verdict(row)} for row in rows]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="one round, smaller transfers")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("build/bench.json"))
    parser.add_argument("names", nargs="*", help="only cases and targets that contain one of these")
    arguments = parser.parse_args()
    names = [name.lower() for name in arguments.names]
    every_case = [*cases(arguments.quick), far_link.CASE, idle_tunnels.CASE]
    asked = [name for name in names if any(name in case.name.lower() for case in every_case)]
    chosen = [case for case in every_case
              if not asked or any(name in case.name.lower() for name in asked)]
    run, targets = Run(arguments.quick), []
    with tempfile.TemporaryDirectory(prefix="sc-pool-bench-") as directory:
        directory = pathlib.Path(directory)
        if idle_tunnels.CASE in chosen:
            run.results[idle_tunnels.CASE.name] = idle_tunnels.measure(directory, arguments.quick)
            chosen.remove(idle_tunnels.CASE)
        origin = peers.Origin(directory)
        if far_link.CASE in chosen:
            chosen.remove(far_link.CASE)
            if why := far_link.missing():
                print(f"{far_link.CASE.name}: left out, {why}", file=sys.stderr)
            else:
                run.results[far_link.CASE.name] = far_link.measure(directory, origin.files,
                                                                   arguments.quick)
        try:
            if chosen:
                start_targets(directory, origin, names, targets)
            all_pids = [pid for target in targets for pid in target.all_pids()] + origin.pids()
            run.go(chosen, targets, all_pids)
        finally:
            for target in targets:
                target.close()
            origin.close()
    encrypted = {target.name for target in targets if target.encrypted}
    verdicts = print_report(run, every_case, encrypted)
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(
        {"machine": machine.description(), "quick": arguments.quick,
         "seconds": round(time.monotonic() - run.started), "goals": verdicts,
         "rounds": run.results}, indent=1))
    print(f"\n{time.monotonic() - run.started:.0f} s. All figures: {arguments.json}")


if __name__ == "__main__":
    sys.exit(main())
