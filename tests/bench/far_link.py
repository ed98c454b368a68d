"""The same tunnel with its ends apart: server and client in one network namespace, worker and origin
in another, 50 ms round trip between them. Needs root, namespaces and /dev/net/tun; says so where they
are missing.
"""

import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import time

from cases import PATIENCE, Case
from peers import SIZES
from pool import BIN, wait_for

ROUND_TRIP = 50  # ms
NEAR, FAR, SINK_PORT = "10.99.0.1", "10.99.0.2", 81
CASE = Case("download, ends 50 ms apart", "MiB/s", "more", None)


def missing():
    if os.geteuid() != 0:
        return "it needs root"
    if not os.access("/dev/net/tun", os.W_OK):
        return "there is no /dev/net/tun"
    trial = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
    return f"no network namespaces here: {trial.stderr.strip()}" if trial.returncode else None


class FarLink:
    def __init__(self, directory, files):
        self.directory, self.files, self.processes = directory, files, []
        self.names = {end: f"sc-bench-{end}-{os.getpid()}" for end in ("near", "far")}

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            for name in self.names.values():
                subprocess.run(["ip", "netns", "add", name], check=True)
                undo.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
            undo.callback(self.end_processes)
            link = self.spawn(None, sys.executable, pathlib.Path(__file__).parent / "delay_link.py",
                              *self.names.values(), ROUND_TRIP / 2, stdout=subprocess.PIPE)
            assert link.stdout.readline() == "ready\n", "no link between the namespaces"
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.undo.close()

    def end_processes(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def command(self, end, *words):
        inside = ["ip", "netns", "exec", self.names[end]] if end else []
        return [str(word) for word in [*inside, *words]]

    def spawn(self, end, *words, stdout=subprocess.DEVNULL, environment=None):
        self.processes.append(subprocess.Popen(
            self.command(end, *words), stdout=stdout, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **(environment or {})}))
        return self.processes[-1]

    def start_origin(self):
        config = self.directory / "far-origin.conf"
        config.write_text(f"""daemon off; master_process off; pid {self.directory}/far-origin.pid;
events {{ }} http {{ access_log off; sendfile on;
  server {{ listen {FAR}:80; root {self.files}; }} }}""")
        self.spawn("far", "nginx", "-c", config, "-e", self.directory / "far-origin.err")
        self.spawn("far", sys.executable, pathlib.Path(__file__).parent / "site.py", SINK_PORT, FAR)

    def start_tunnel(self):
        key = self.directory / "far-access-key"
        key.write_text("0123456789abcdef0123456789abcdef\n")
        key.chmod(0o600)
        files = {name: self.directory / f"far-{name}.pem" for name in ("certificate", "key")}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-addext", f"subjectAltName=IP:{NEAR}", "-keyout", files["key"],
                        "-out", files["certificate"]], check=True, capture_output=True)
        config = self.directory / "far-server.toml"
        config.write_text(f"""listen = "{NEAR}:8443"
host = "{NEAR}"
certificate = "{files['certificate']}"
key = "{files['key']}"
state_dir = "{self.directory}/far-state"
[[account]]
name = "bench"
access_key_file = "{key}"
[[ingress]]
listen = "127.0.0.1:3128"
account = "bench"
tunnel_name = "far"
""")
        self.spawn("near", BIN / "sc-server", "run", "--config", config)
        self.spawn("far", BIN / "sc-worker", "run", "--rest-url", f"https://{NEAR}:8443/rest/v1",
                   "--tunnel-name", "far", "--cacert-file", files["certificate"],
                   environment={"SAUCE_USERNAME": "bench",
                                "SAUCE_ACCESS_KEY": key.read_text().strip()})

    def curl(self, path, *words):
        """[seconds to the first byte, in all, bytes down, bytes up] of a client at the near end."""
        answer = subprocess.run(
            self.command("near", "curl", "-fsS", "-m", PATIENCE, "-o", "/dev/null", "-w",
                         "%{time_starttransfer} %{time_total} %{size_download} %{size_upload}", *words,
                         f"http://{FAR}{path}"), capture_output=True, text=True)
        return [float(word) for word in answer.stdout.split()] if answer.returncode == 0 else None

    def figures(self, file, *words):
        """Of a download and an upload, and of new connections for small requests before them."""
        def asked(path, *more):
            answer = self.curl(path, *words, *more)
            assert answer, f"curl failed on {path}, {' '.join(words)}"
            return answer
        first_bytes = [asked("/1k")[0] * 1e3 for _ in range(5)]
        _, seconds, down, _ = asked(f"/{file}")
        _, up_seconds, _, up = asked(f":{SINK_PORT}/site/sink", "-X", "POST", "-H", "Expect:", "-T",
                                     self.files / file)
        assert down == up == SIZES[file], f"{down} bytes down and {up} up of {file}"
        return {"value": down / seconds / 2**20, "upload_mib_s": up / up_seconds / 2**20,
                "new_connection_ms": statistics.median(first_bytes)}


def measure(run, directory, files):
    """{"direct": [figures], "sc-pool, 1 worker": [figures]}"""
    ways = {"direct": ["--noproxy", "*"], "sc-pool, 1 worker": ["-x", "http://127.0.0.1:3128"]}
    file = "small" if run.quick else "eighth"
    results = {name: [] for name in ways}
    with FarLink(directory, files) as link:
        link.start_origin()
        link.start_tunnel()
        for words in ways.values():
            for path in ("/1k", f":{SINK_PORT}/site/ends"):
                wait_for(lambda: link.curl(path, *words), "an answer from the far end")
        time.sleep(1)  # the other connections of the worker
        for _ in range(1 if run.quick else 2):
            for name, words in ways.items():
                # Seconds each: more than one repetition would take other cases their share.
                results[name].append(run.undisturbed(lambda: link.figures(file, *words), repeats=1))
    return results
