"""sc-pool, supervisord, s6, runit and monit with the same children: `stub_worker` started by each in its
own way. The peers are unpacked from their Debian packages, not installed, so that no service starts; but for
s6, whose programs look for one another in /usr/bin, and whose package starts none.
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "end_to_end"))

from pool import BIN, wait_for  # noqa: E402

STUB = BIN / "stub_worker"
TOOLS = pathlib.Path(os.environ.get("SCPOOL_SUPERVISORS", "build/tools/supervisors")).resolve()
TOOL_PATH = ":".join(str(TOOLS / part) for part in ("usr/bin", "usr/sbin", "sbin"))


class Reports:
    """What the children say of themselves, with the time they took it (time.monotonic_ns). Read at once
    by a thread: ten unread ones, and the next child that reports would wait."""

    def __init__(self, path):
        self.path, self.seen = path, []  # (what, pid, nanoseconds)
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while report := self.socket.recv(256).split():
            with self.changed:
                self.seen.append((report[0].decode(), int(report[1]), int(report[2])))
                self.changed.notify_all()

    def since(self, what, start):
        return [(pid, when) for kind, pid, when in list(self.seen) if kind == what and when >= start]

    def wait(self, what, count, start, seconds):
        """The first `count` reports of `what` after `start`, fewer if time is up."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.since(what, start)) >= count, seconds)
        return sorted(self.since(what, start), key=lambda report: report[1])[:count]

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))


def family(mark):
    """{pid: program} of living processes that carry `mark` in their environment."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = os.readlink(entry / "exe")
        except OSError:
            continue
    return found


class Manager:
    """One supervisor with `count` children that are ready `ready_ms` after their start."""

    name, keeps_ready = "", ""

    def __init__(self, directory, count, ready_ms=0):
        self.directory, self.count = directory, count
        directory.mkdir()
        self.reports = Reports(directory / "reports")
        self.child = {"STUB_REPORT_TO": str(self.reports.path), "STUB_GRAIN_MS": "50",
                      "STUB_READY_AFTER_MS": str(ready_ms)}
        self.environment = {"PATH": f"{TOOL_PATH}:{os.environ['PATH']}", "HOME": str(directory),
                            "PYTHONPATH": str(TOOLS / "usr/lib/python3/dist-packages")}
        self.process = None
        self.prepare()

    def words(self, number):
        """The child's command line, alike for all."""
        stem = f"{self.directory}/{number}"
        return [str(STUB), "run", "--api-address", f"unix:{stem}.sock", "--pidfile", f"{stem}.pid",
                "--readyfile", f"{stem}.ready", "--log-file", f"{stem}.log", "--tunnel-name", "bench"]

    def script(self, path, *lines):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)

    def start(self):
        """Returns when it was asked (time.monotonic_ns)."""
        output = (self.directory / "output").open("ab")
        asked = time.monotonic_ns()
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd=self.directory, env=self.environment | self.child, start_new_session=True)
        output.close()
        return asked

    def tool(self, *words, seconds=120):
        answer = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                                timeout=seconds, env=self.environment | self.child)
        return answer.stdout

    def pids(self):
        """({pids of children}, [pids of the supervisor and its helpers])"""
        children, rest = set(), []
        for pid, program in family(str(self.reports.path)).items():
            if program == str(STUB):
                children.add(pid)
            else:
                rest.append(pid)
        return children, rest

    def kill(self, pids):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def close(self):
        """Supervisors first, or they would start again what is killed."""
        for group in (1, 0):
            self.kill(pid for pid in self.pids()[group])
        if self.process:
            self.process.wait()
        self.kill(self.pids()[0])
        wait_for(lambda: not any(self.pids()), f"all of {self.name} has ended")
        self.reports.close()


class OurPool(Manager):
    name = "sc-pool"

    def prepare(self):
        key = self.directory / "key"
        key.write_text("not a real key\n")
        key.chmod(0o600)
        words = ", ".join(f'"{name}={value}"' for name, value in self.child.items())
        (self.directory / "pool.toml").write_text(f"""
[pool]
size = {self.count}
min_ready_time = "0s"
canary_time = "0s"
[health]
rest_period = "0s"
[worker]
program = "{STUB}"
environment = [{words}]
[account]
user = "nobody"
access_key_file = "{key}"
rest_url = "http://127.0.0.1:9/rest/v1"
[control]
socket = "{self.directory}/control"
""")
        for name in ("RUNTIME", "STATE", "LOGS"):
            self.environment[f"{name}_DIRECTORY"] = str(self.directory / name.lower())

    def command(self):
        return [BIN / "sc-pool", "up", "--config", self.directory / "pool.toml", "--pool", "bench",
                "--api-address", "off"]

    def running(self):
        connection = http.client.HTTPConnection("pool")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.directory / "control"))
            connection.request("GET", "/v1/status")
            return json.loads(connection.getresponse().read())["ready"]
        except OSError:
            return 0
        finally:
            connection.close()

    def restart_all(self):
        self.tool(BIN / "sc-pool", "restart", "--socket", self.directory / "control", "--rolling",
                  "--wait")


class Supervisord(Manager):
    name = "supervisord"

    def prepare(self):
        d = self.directory
        words = " ".join(self.words("%(process_num)03d"))
        (d / "conf").write_text(f"""
[supervisord]
nodaemon=true
logfile={d}/supervisord.log
pidfile={d}/supervisord.pid
childlogdir={d}
user=root
[unix_http_server]
file={d}/control
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{d}/control
[program:worker]
command={words}
process_name=%(process_num)03d
numprocs={self.count}
autorestart=true
stdout_logfile=NONE
stderr_logfile=NONE
""")

    def command(self):
        return ["/usr/bin/python3", TOOLS / "usr/bin/supervisord", "-c", self.directory / "conf"]

    def control(self, *words):
        return self.tool("/usr/bin/python3", TOOLS / "usr/bin/supervisorctl", "-c",
                         self.directory / "conf", *words)

    def running(self):
        return self.control("status").count("RUNNING")

    def restart_all(self):
        self.control("restart", "all")


class S6(Manager):
    name = "s6"

    def prepare(self):
        for number in range(self.count):
            service = self.directory / "services" / f"{number:03d}"
            self.script(service / "run", "export STUB_NOTIFY_FD=3",
                        "exec " + " ".join(self.words(number)))
            (service / "notification-fd").write_text("3\n")

    def command(self):
        return ["/usr/bin/s6-svscan", self.directory / "services"]

    def services(self):
        return sorted((self.directory / "services").glob("[0-9]*"))

    def running(self):
        return sum(self.tool("/usr/bin/s6-svstat", "-o", "up", service).startswith("true")
                   for service in self.services())

    def restart_all(self):
        """One after the other; s6 waits for the readiness of each."""
        for service in self.services():
            self.tool("/usr/bin/s6-svc", "-wR", "-r", service)


class Runit(Manager):
    name = "runit"

    def prepare(self):
        for number in range(self.count):
            service = self.directory / "services" / f"{number:03d}"
            self.script(service / "run", "exec " + " ".join(self.words(number)))
            self.script(service / "check", f"exec test -e {self.directory}/{number}.ready")

    def command(self):
        return [TOOLS / "usr/bin/runsvdir", "-P", self.directory / "services"]

    def services(self):
        return sorted((self.directory / "services").glob("[0-9]*"))

    def running(self):
        return self.tool(TOOLS / "usr/bin/sv", "status", *self.services()).count("run: ")

    def restart_all(self):
        """One after the other; sv waits for the check of each."""
        for service in self.services():
            self.tool(TOOLS / "usr/bin/sv", "-w", "30", "restart", service)


class Monit(Manager):
    name = "monit"

    def prepare(self):
        d = self.directory
        lines = ["set daemon 1", f"set pidfile {d}/monit.pid", f"set statefile {d}/monit.state",
                 f"set idfile {d}/monit.id", f"set httpd unixsocket {d}/control allow user:pass"]
        for number in range(self.count):
            words = " ".join(self.words(number))
            self.script(d / f"start-{number}", *(f"export {name}={value}" for name, value in
                                                 self.child.items()),
                        f"exec setsid -f {words} </dev/null >/dev/null 2>&1")
            self.script(d / f"stop-{number}", f"read pid rest <{d}/{number}.pid && kill $pid")
            lines += [f"check process w{number:03d} with pidfile {d}/{number}.pid",
                      f'  start program = "{d}/start-{number}"',
                      f'  stop program = "{d}/stop-{number}"']
        rc = d / "monitrc"
        rc.write_text("\n".join(lines) + "\n")
        rc.chmod(0o600)

    def command(self):
        return [TOOLS / "usr/bin/monit", "-I", "-c", self.directory / "monitrc"]

    def running(self):
        text = self.tool(TOOLS / "usr/bin/monit", "-c", self.directory / "monitrc", "summary", "-B")
        return sum(" OK " in line and "Process" in line for line in text.splitlines())

    def restart_all(self):
        """`monit restart all` answers at once; over when all are ready again."""
        start = time.monotonic_ns()
        self.tool(TOOLS / "usr/bin/monit", "-c", self.directory / "monitrc", "restart", "all")
        self.reports.wait("ready", self.count, start, 120)


MANAGERS = [OurPool, Supervisord, S6, Runit, Monit]
