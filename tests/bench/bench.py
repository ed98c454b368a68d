"""`./dev bench [--quick] [names...]`: what a request through the tunnel costs, beside its peers.

Rounds are interleaved: each case visits every target in turn, so that a disturbed machine disturbs
all alike. The median of the rounds counts; the table shows the figure and its ratio to direct. A round
in which somebody else took a noticeable share of the processors is repeated.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import types

import peers

TICK = 100  # clock ticks a second in /proc (USER_HZ)
DISTURBED = 0.10  # share of processor time used by others
LUA = pathlib.Path(__file__).parent / "absolute_form.lua"


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True, **options).stdout


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return total / TICK


def stolen_share(before, after):
    """Processor time the hypervisor gave to others, as a share."""
    spent = [new - old for old, new in zip(before, after)]
    return spent[7] / max(1, sum(spent))


def machine_times():
    return [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]


class Case:
    def __init__(self, name, unit, better, measure):
        self.name, self.unit, self.better, self.measure = name, unit, better, measure


def curl_speeds(target, path, count, upload=None):
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{size_download} %{size_upload}"]
    if upload:
        command += ["-X", "POST", "-H", "Expect:", "-T", upload]
    start = time.monotonic()
    processes = [subprocess.Popen([str(word) for word in [*command, *target.curl(path)]],
                                  stdout=subprocess.PIPE, text=True) for _ in range(count)]
    moved = 0
    for process in processes:
        sizes = process.communicate()[0].split()
        assert process.returncode == 0, f"{target.name}: curl failed on {path}"
        moved += sum(int(size) for size in sizes)
    return moved, time.monotonic() - start


def downloads(count, size):
    def measure(target, _quick):
        before = cpu_seconds(target.pids())
        moved, seconds = curl_speeds(target, f"/large-{size}", count)
        cpu = cpu_seconds(target.pids()) - before
        assert moved == size * count, f"{target.name}: {moved} bytes instead of {size * count}"
        return {"value": moved / seconds / 2**20, "cpu_per_gib": cpu / (moved / 2**30)}
    return measure


def upload(size, origin):
    def measure(target, _quick):
        before = cpu_seconds(target.pids())
        moved, seconds = curl_speeds(target, "/sink", 1, upload=origin.files / f"large-{size}")
        cpu = cpu_seconds(target.pids()) - before
        assert moved >= size, f"{target.name}: {moved} bytes instead of {size}"
        return {"value": size / seconds / 2**20, "cpu_per_gib": cpu / (size / 2**30)}
    return measure


def duration_of(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def wrk(target, connections, seconds, fresh=False):
    arguments, absolute = target.wrk("/1k")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    if fresh:
        command += ["-H", "Connection: close"]
    if absolute:
        command += ["-s", LUA]
    command += arguments
    if absolute:
        command += ["--", absolute]
    before = cpu_seconds(target.pids())
    output = run(command)
    cpu = cpu_seconds(target.pids()) - before
    failed = re.search(r"Non-2xx.*: (\d+)|connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    assert not failed or not any(int(count) for count in failed.groups() if count), \
        f"{target.name}: {failed.group(0)}"
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    return {"value": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
            "cpu_us_per_request": cpu / requests * 1e6,
            "p50_us": duration_of(re.search(r"(?m)^\s+50%\s+(\S+)", output).group(1)),
            "p99_us": duration_of(re.search(r"(?m)^\s+99%\s+(\S+)", output).group(1))}


def requests(connections, fresh=False):
    def measure(target, quick):
        return wrk(target, connections, 2 if quick else 4, fresh)
    return measure


def beside_download(origin, rate="100M"):
    """Small requests beside a download that is held to `rate`."""
    def measure(target, quick):
        download = subprocess.Popen(["curl", "-sS", "-o", "/dev/null", "--limit-rate", rate,
                                     *target.curl("/large")])
        time.sleep(0.3)
        figures = wrk(target, 1, 2 if quick else 4)
        download.terminate()
        download.wait()
        return {**figures, "value": figures["p99_us"]}
    return measure


def lone_request(target, quick):
    figures = wrk(target, 1, 2 if quick else 4)
    return {**figures, "value": figures["p50_us"]}


def idle_memory(target, _quick):
    from pool import proportional_memory
    time.sleep(0.5)
    return {"value": sum(proportional_memory(pid) for pid in target.pids()) / 2**20}


def cases(origin, quick):
    size = (256 << 20) if quick else (1 << 30)
    for name in {size, size // 8}:
        with (origin.files / f"large-{name}").open("wb") as file:
            file.truncate(name)
    return [
        Case("1 download", "MiB/s", "more", downloads(1, size)),
        Case("8 downloads", "MiB/s", "more", downloads(8, size // 8)),
        Case("1 upload", "MiB/s", "more", upload(size, origin)),
        Case("requests, 1 connection", "/s", "more", requests(1)),
        Case("requests, 50 connections", "/s", "more", requests(50)),
        Case("requests, 200 connections", "/s", "more", requests(200)),
        Case("new connection each", "/s", "more", requests(20, fresh=True)),
        Case("lone request, p50", "us", "less", lone_request),
        Case("beside a download, p99", "us", "less", beside_download(origin)),
        Case("idle memory, both ends", "MiB", "less", idle_memory),
    ]


def undisturbed(measure, target, quick):
    for _ in range(3):
        before = machine_times()
        figures = measure(target, quick)
        figures["stolen"] = stolen_share(before, machine_times())
        if figures["stolen"] < DISTURBED:
            break
    return figures


def print_table(case, results, direct):
    print(f"\n{case.name} ({case.unit}, {case.better} is better)")
    for name, rounds in results.items():
        value = statistics.median(figures["value"] for figures in rounds)
        ratio = f"{value / direct:6.2f} of direct" if direct else " " * 16
        extra = ""
        for key, label in [("cpu_per_gib", "CPU s/GiB"), ("cpu_us_per_request", "CPU us/request"),
                           ("p50_us", "p50 us"), ("p99_us", "p99 us")]:
            if key in rounds[0] and (name != "direct" or not key.startswith("cpu")):
                extra += f"  {statistics.median(f[key] for f in rounds):8.1f} {label}"
        print(f"  {name:20} {value:10.1f} {ratio}{extra}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="one round, smaller transfers")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("build/bench.json"))
    parser.add_argument("names", nargs="*", help="only cases and targets that contain one of these")
    arguments = parser.parse_args()
    wanted = [name.lower() for name in arguments.names]

    def chosen(name, kind):
        names = [word for word in wanted if any(word in other.lower() for other in kind)]
        return not names or any(word in name.lower() for word in names)

    with tempfile.TemporaryDirectory(prefix="sc-pool-bench-") as directory:
        directory = pathlib.Path(directory)
        certificate = types.SimpleNamespace(key=directory / "key.pem", pem=directory / "cert.pem")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-keyout", certificate.key, "-out", certificate.pem])
        origin = peers.Origin(directory)
        targets, results = [], {}
        target_names = [kind.name for kind in peers.ALL]
        try:
            for kind in peers.ALL:
                if kind is peers.Direct or chosen(kind.name, target_names):
                    targets.append(kind(directory, origin, certificate))
            all_cases = cases(origin, arguments.quick)
            for case in all_cases:
                if not chosen(case.name, [one.name for one in all_cases]):
                    continue
                found = {target.name: [] for target in targets}
                for _ in range(1 if arguments.quick else 3):
                    for target in targets:
                        if case.measure is idle_memory and not target.pids():
                            continue
                        found[target.name].append(undisturbed(case.measure, target, arguments.quick))
                found = {name: rounds for name, rounds in found.items() if rounds}
                direct = found.get("direct")
                direct = direct and statistics.median(figures["value"] for figures in direct)
                print_table(case, found, direct)
                results[case.name] = found
        finally:
            for target in targets:
                target.close()
            origin.close()
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=1))
    print(f"\nAll figures: {arguments.json}")


if __name__ == "__main__":
    sys.exit(main())
