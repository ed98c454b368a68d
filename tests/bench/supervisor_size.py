"""What a supervisor takes: memory and idle wake-ups with pools of several sizes, real workers, one machine.

    SCPOOL_BIN=build/release/bin python3 tests/bench/supervisor_size.py [SIZE ...]

For each size: start, some idle time, a rolling restart, idle time again, down. Goals: at most 4 MiB (PSS) with 10
workers and 6 MiB with 50, at most one wake-up a second for the probes, no capacity lost in the restart.
"""

import pathlib
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "end_to_end"))

from pool import Pool, proportional_memory  # noqa: E402

SETTLE_S = 35  # unused memory is given back every half minute
IDLE_S = 20


def wake_ups(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE).group(1))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def look(pid):
    time.sleep(SETTLE_S)
    before, busy = wake_ups(pid), cpu_seconds(pid)
    time.sleep(IDLE_S)
    return {"pss_mib": round(proportional_memory(pid) / 2**20, 2),
            "wake_ups_per_s": round((wake_ups(pid) - before) / IDLE_S, 2),
            "cpu_percent": round((cpu_seconds(pid) - busy) / IDLE_S * 100, 2)}


def measure(size):
    with tempfile.TemporaryDirectory(prefix="sc") as directory:
        pool = Pool(pathlib.Path(directory), name="size", config=f'[pool]\nsize = {size}\nmin_ready_time = "0s"\n')
        pool.environment["SC_SERVER_LIMITS_CREATES_PER_MINUTE"] = "100000"
        try:
            began = time.monotonic()
            pool.start()
            print(f"{size} workers ready after {time.monotonic() - began:.2f} s")
            pid = pool.status()["supervisor"]["pid"]
            print(f"  idle: {look(pid)}")
            began = time.monotonic()
            answer = pool.verb("restart", "--rolling", "--wait", timeout=600)
            rollout = pool.status()["rollout"]
            print(f"  rolling restart: exit code {answer.returncode} after {time.monotonic() - began:.1f} s, "
                  f"lowest ready {rollout['lowest_ready']}, lost {rollout['lost_worker_s']} worker-seconds")
            print(f"  idle again: {look(pid)}")
            began = time.monotonic()
            assert pool.stop() == 0
            print(f"  down after {time.monotonic() - began:.2f} s, left over: {pool.pids()} {pool.left_over_files()}")
        finally:
            pool.destroy()


if __name__ == "__main__":
    for wanted in [int(word) for word in sys.argv[1:]] or [10, 50]:
        measure(wanted)
