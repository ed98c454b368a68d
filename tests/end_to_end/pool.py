"""Starts the real programs in a directory of their own and looks at what they leave behind."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

BIN = pathlib.Path(os.environ.get("SCPOOL_BIN", "build/release/bin")).resolve()
SANITIZED = "asan" in str(BIN) or "tsan" in str(BIN)
# Sanitized programs are several times slower; no test decides by time, so patience costs nothing.
PATIENCE = 600 if SANITIZED else 120


def wait_for(condition, what, seconds=PATIENCE):
    """Polls until `condition()` is true and returns what it gave; fails naming `what`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)
    return result


def processes_of(directory):
    """Pids of living processes that were started with `directory` in their arguments or environment."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            program = os.readlink(entry / "exe")
        except OSError:
            continue
        if str(directory).encode() in words and str(BIN) in program:
            found.append(int(entry.name))
    return found


def peak_memory(pid):
    """The largest resident size a living process ever had, in bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def proportional_memory(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE).group(1)) * 1024


class Pool:
    """`sc-pool up --local` with everything it writes below one directory; `prefix` says where to run it."""

    def __init__(self, directory, name="pool", config="", arguments=(), mode=("--local",), prefix=()):
        self.directory, self.name, self.mode, self.prefix = directory, name, mode, prefix
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "pool.toml"
        self.config.write_text(config)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(directory),
            "RUNTIME_DIRECTORY": str(directory / "run"), "STATE_DIRECTORY": str(directory / "state"),
            "LOGS_DIRECTORY": str(directory / "log"),
            **{key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}}
        self.arguments = ["--pool", name, *arguments]
        self.process = None
        self.output = directory / "up.out"

    def start(self, ready=True):
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self.prefix, BIN / "sc-pool", "up", *self.mode, "--config", self.config,
                 "--api-address", "127.0.0.1:0", *self.arguments],
                stdout=output, stderr=subprocess.STDOUT, env=self.environment)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        def is_ready():
            assert self.process.poll() is None, f"sc-pool ended: {self.output.read_text()}"
            return self.verb("wait", "--timeout", "1s").returncode == 0
        wait_for(is_ready, "the pool at full strength")

    def verb(self, *words, timeout=PATIENCE):
        return subprocess.run([BIN / "sc-pool", words[0], "--pool", self.name, *words[1:]],
                              capture_output=True, text=True, env=self.environment, timeout=timeout)

    def status(self):
        answer = self.verb("status", "--json")
        assert answer.stdout, f"no status: {answer.stderr}"
        return json.loads(answer.stdout)

    def workers(self):
        return self.status()["workers"]

    @property
    def local(self):
        return self.status()["local"]

    @property
    def ingress(self):
        """The authenticated proxy as (host, port)."""
        return address_of(self.local["ingress_url"])

    @property
    def open_ingress(self):
        """The proxy that needs no credential, as the first-time user is shown it."""
        return address_of(self.local["open_ingress_url"])

    @property
    def access_key(self):
        return pathlib.Path(self.local["access_key_file"]).read_text().strip()

    def credential(self, **parameters):
        """user[;tunnel=NAME][;job=LABEL]:access-key"""
        words = "".join(f";{name}={value}" for name, value in parameters.items())
        return f"{self.local['user']}{words}:{self.access_key}"

    def rest(self, method, path, body=None):
        """(status, decoded JSON) of a REST call, made by curl with the generated CA."""
        local = self.local
        command = ["curl", "-sS", "--noproxy", "*", "--cacert", local["ca_file"],
                   "-u", f"{local['user']}:{self.access_key}", "-X", method, "-w", "\n%{http_code}",
                   "-H", "Content-Type: application/json", local["rest_url"] + path]
        if body is not None:
            command += ["-d", json.dumps(body)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert answer.returncode == 0, answer.stderr
        text, _, status = answer.stdout.rpartition("\n")
        return int(status), json.loads(text) if text else None

    def log_text(self):
        return "".join(path.read_text(errors="replace")
                       for path in sorted((self.directory / "log").rglob("*.log")))

    def pids(self):
        return processes_of(self.directory)

    def left_over_files(self):
        """Sockets and pid files that a stopped pool should have taken with it."""
        return [str(path) for path in self.directory.rglob("*")
                if path.is_socket() or path.suffix in (".pid", ".sock")]

    def stop(self, *words):
        if self.process.poll() is None:
            self.verb("down", *words)
            self.process.wait(PATIENCE)
        return self.process.returncode

    def destroy(self):
        """For the end of a test, however it went: nothing of this pool survives."""
        if self.process and self.process.poll() is None:
            try:
                if self.verb("down", "--now").returncode != 0:  # SIGTERM alone would wait for jobs
                    self.process.terminate()
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def address_of(url):
    host, _, port = url.split("//")[1].rstrip("/").rpartition(":")
    return host, int(port)
