"""What the kernel says of processes and of the machine: processor time, memory, disturbance."""

import datetime
import os
import pathlib
import re
import resource
import time

TICK = os.sysconf("SC_CLK_TCK")


def allow_many_descriptors():
    """For a thousand connections at once, here and in every program started from here; the soft limit
    of a login is 1,024."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def cpu_seconds(pids):
    """User and system time of living processes, their ended threads included; to the nanosecond, where
    /proc has hundredths."""
    total = 0.0
    for pid in pids:
        try:
            total += time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it
        except OSError:
            continue
    return total


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


def family_ticks():
    """Of this process and all it has started; of the ended ones, too, since a parent inherits them."""
    total = 0
    for pid in children_of([os.getpid()]):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total


def processor_times():
    return [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]


class Watch:
    """Tells which share of the processors somebody else took while something was measured: processes
    that are not the bench's, and the hypervisor's other guests (steal)."""

    def __init__(self):
        self.times, self.own = processor_times(), family_ticks()

    def disturbance(self):
        spent = [new - old for old, new in zip(self.times, processor_times())]
        total = max(1, sum(spent[:8]))
        idle, stolen = spent[3] + spent[4], spent[7]
        own = family_ticks() - self.own
        return {"others": max(0.0, (total - idle - stolen - own) / total), "stolen": stolen / total}


def congestion_control():
    """What connections of this network namespace begin with."""
    return pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def description():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    return {"processor": model.group(1) if model else "unknown", "processors": os.cpu_count(),
            "kernel": os.uname().release,
            "time": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
            "congestion_control": congestion_control()}
