"""What the kernel says of processes and of the machine: processor time, memory, disturbance."""

import os
import pathlib
import re

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    """User and system time of living processes, their ended threads included."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pids):
    """{"pss": bytes, "private": bytes} of all together."""
    found = {"pss": 0, "private": 0}
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        kib = {kind: int(number) for kind, number in re.findall(r"(?m)^(\w+):\s+(\d+) kB", text)}
        found["pss"] += kib["Pss"] * 1024
        found["private"] += (kib["Private_Clean"] + kib["Private_Dirty"]) * 1024
    return found


def children_of(pids):
    """The processes themselves and all they have started."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def processor_times():
    return [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]


class Watch:
    """Tells which share of the processors somebody else took while something was measured: other
    processes, and the hypervisor's other guests (steal)."""

    def __init__(self, pids):
        self.pids = [*pids, os.getpid()]
        self.times, self.own = processor_times(), self._own()

    def _own(self):
        ended = os.times()
        return cpu_seconds(self.pids) + ended.children_user + ended.children_system

    def disturbance(self):
        spent = [new - old for old, new in zip(self.times, processor_times())]
        total = max(1, sum(spent[:8]))
        idle, stolen = spent[3] + spent[4], spent[7]
        own = (self._own() - self.own) * TICK
        return {"others": max(0.0, (total - idle - stolen - own) / total), "stolen": stolen / total}


def description():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    return {"processor": model.group(1) if model else "unknown", "processors": os.cpu_count(),
            "kernel": os.uname().release,
            "congestion_control": pathlib.Path(
                "/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()}
