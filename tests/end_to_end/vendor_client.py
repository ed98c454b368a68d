"""Stand-ins for the vendor's clients: `sc` 5 and `sc` 4 (4.3 to 4.9) as their documentation describes them.

    vendor_client.py 5.2.1 run --region us-west --tunnel-name NAME ...
    vendor_client.py 4.9.2 -i NAME --pidfile F ...

Command line, environment, files, local API, log lines, signals and exit codes are the vendor's. The tunnel itself is
real: an sc-worker of its own, so that the server shows what it would show. How it fails, by environment:

    VENDOR_NEVER_READY=1    registered, connected, never ready
    VENDOR_IGNORE_TERM=1    no signal but KILL ends it
    VENDOR_DRAIN_S=N        after the first signal it waits N seconds for jobs; a second signal ends that
    VENDOR_CRASH=F          SIGSEGV as soon as the file F exists
    VENDOR_REMOTE_END=F     ended from the web page as soon as the file F exists
    VENDOR_END=F            once the file F exists, ends at its start with the sentence in it
    VENDOR_NO_VERSION=1     does not tell its version
"""

import argparse
import ctypes
import fcntl
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = pathlib.Path(os.environ.get("SCPOOL_BIN", "build/release/bin")).resolve()
READY = "Sauce Connect is up, you may start your tests"


class Usage(Exception):
    """What the vendor's parser would say."""


class Parser(argparse.ArgumentParser):
    def __init__(self):
        super().__init__(add_help=False, allow_abbrev=False)

    def error(self, message):
        raise Usage(message)


def parse(version, words):
    """The flags that this version knows; others are errors, as with the real ones."""
    parser = Parser()
    add = parser.add_argument
    if version >= (5,):
        words = words[1:] if words[:1] == ["run"] else words
        for name in ("username", "access-key", "region", "tunnel-name", "rest-url", "cacert-file", "api-address",
                     "log-file", "log-level", "log-format", "proxy-localhost", "config-file", "tunnel-domains"):
            add("--" + name)
        add("--tunnel-pool", action="store_true")
        add("--metadata", action="append", default=[])
    else:
        add("-u", "--user")
        add("-k", "--api-key")
        add("-i", "--tunnel-identifier", *(["--tunnel-name"] if version >= (4, 7) else []), dest="tunnel_name")
        for name in ("logfile", "pidfile", "readyfile", "se-port", "cainfo", "tunnel-cainfo", "rest-url",
                     "max-logsize"):
            add("--" + name)
        add("--verbose", "-v", action="count")
        add("--no-remove-colliding-tunnels", action="store_true")
        if version < (4, 3, 13):
            add("--wait-tunnel-shutdown", action="store_true")
        if version >= (4, 7):
            add("--tunnel-pool", action="store_true")
            add("--proxy-localhost", action="store_true")
            add("--region")
        if (4, 6) <= version < (4, 8):
            add("--metrics-address", default="localhost:8888")
        if version >= (4, 8):
            add("--metadata", action="append", default=[])
            add("--status-address")
            add("--output-format")
    flags = parser.parse_args(words)
    flags.pool = getattr(flags, "tunnel_pool", False) or getattr(flags, "no_remove_colliding_tunnels", False)
    flags.user = getattr(flags, "username", None) or getattr(flags, "user", None) or os.environ.get("SAUCE_USERNAME")
    flags.key = (getattr(flags, "access_key", None) or getattr(flags, "api_key", None)
                 or os.environ.get("SAUCE_ACCESS_KEY"))
    missing = [name for name, value in (("username", flags.user), ("access-key", flags.key)) if not value]
    if version >= (5,):
        missing += [] if flags.region or flags.rest_url else ["region"]
        missing += [] if flags.tunnel_name else ["tunnel-name"]
    if missing:
        raise Usage("required flag(s) " + ", ".join(f'"{name}"' for name in missing) + " not set")
    return flags


class Client:
    """What both generations do: register, tell, drain, end."""

    def __init__(self, version, flags):
        self.version, self.flags = version, flags
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="vendor-"))
        self.inner = None
        self.signals = 0
        self.was_ready = False
        self.said_jobs = False

    def start_tunnel(self):
        flags = self.flags
        command = [BIN / "sc-worker", "run", "--tunnel-name", flags.tunnel_name, "--api-address",
                   f"unix:{self.home}/api", "--log-file", self.home / "log", "--proxy-localhost", "allow",
                   "--rest-url", flags.rest_url]
        command += ["--tunnel-pool"] if flags.pool else []
        for word in getattr(flags, "metadata", []):
            command += ["--metadata", word.replace(":", "=", 1) if self.version < (5,) else word]
        ca_file = getattr(flags, "cacert_file", None) or getattr(flags, "cainfo", None)
        command += ["--cacert-file", ca_file] if ca_file else []
        parent = os.getpid()

        def die_with_parent():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            os.setsid()
            if os.getppid() != parent:
                os._exit(1)
        self.inner = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self.home / "err").open("wb"),
            preexec_fn=die_with_parent,
            env={"PATH": os.environ["PATH"], "SAUCE_USERNAME": flags.user, "SAUCE_ACCESS_KEY": flags.key,
                 **{key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}})

    def ask(self, path):
        connection = http.client.HTTPConnection("inner", timeout=2)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(2)
            connection.sock.connect(str(self.home / "api"))
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 503, ""
        finally:
            connection.close()

    def ready(self):
        return (self.signals == 0 and "VENDOR_NEVER_READY" not in os.environ and self.ask("/readyz")[0] == 200)

    def facts(self):
        status, body = self.ask("/info")
        return json.loads(body) if status == 200 else {}

    def serve_api(self, address):
        host, _, port = address.rpartition(":")
        client = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, body = client.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer((host or "127.0.0.1", int(port)), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def note_signal(self, *_):
        self.signals += 1

    def run(self):
        if self.exists("VENDOR_END"):
            return self.fatal(pathlib.Path(os.environ["VENDOR_END"]).read_text())
        self.start_tunnel()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.note_signal)
        asked_at = drained = None
        while True:
            if self.exists("VENDOR_CRASH"):
                signal.signal(signal.SIGSEGV, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGSEGV)
            if self.exists("VENDOR_REMOTE_END"):
                self.inner.terminate()
                self.inner.wait()
                return self.ended_remotely()
            if self.inner.poll() is not None and asked_at is None:
                text = (self.home / "err").read_text(errors="replace").strip().splitlines() or ["unexpected end"]
                return self.fatal(text[-1].partition("fatal error exiting: ")[2] or text[-1])
            if self.signals and "VENDOR_IGNORE_TERM" not in os.environ:
                if asked_at is None:
                    asked_at = time.monotonic()
                    self.note_draining()
                waited = time.monotonic() - asked_at >= float(os.environ.get("VENDOR_DRAIN_S", "0"))
                if drained is None and (waited or self.signals > 1):
                    drained = self.inner.terminate() or True
                    if self.signals > 1:
                        self.inner.send_signal(signal.SIGINT)
                if self.inner.poll() is not None:
                    self.note_end()
                    return 0
            if not self.was_ready and self.ready():
                self.was_ready = True
                self.note_ready()
            time.sleep(0.03)

    @staticmethod
    def exists(variable):
        return variable in os.environ and os.path.exists(os.environ[variable])


class FiveClient(Client):
    def open(self):
        signal.signal(signal.SIGHUP, self.reopen if self.version >= (5, 1, 2) else signal.SIG_DFL)
        self.out = open(self.flags.log_file, "a") if self.flags.log_file else sys.stdout
        self.log("control", "INFO", "Sauce Connect Proxy version=%d.%d.%d" % self.version)
        if os.environ.get("PLATFORM") == "container":
            self.serve_socket()
        if self.flags.api_address:
            try:
                self.serve_api(self.flags.api_address)
            except OSError:
                return self.fatal(f"listen tcp {self.flags.api_address}: bind: address already in use")
        self.log("control", "INFO", f"provisioning Sauce Connect region={self.flags.region} "
                                    f"name={self.flags.tunnel_name}")
        return self.run()

    def serve_socket(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("/tmp/sc.sock")
        listener.listen()

    def reopen(self, *_):
        if self.flags.log_file:
            self.out = open(self.flags.log_file, "a")
            self.log("control", "INFO", "log file reopened")

    def log(self, module, level, text):
        now = time.strftime("%Y/%m/%d %H:%M:%S.000000", time.gmtime())
        self.out.write(f"{now} [{module}] [{level}] {text}\n")
        self.out.flush()

    def answer(self, path):
        if path == "/readyz":
            return (200, "OK") if self.ready() else (503, "Service Unavailable")
        if path == "/healthz":
            return (200, "OK") if self.ask("/healthz")[0] == 200 else (503, "Service Unavailable")
        if path == "/info":
            facts = self.facts()
            return 200, json.dumps({"tunnel_id": facts.get("tunnel_id", ""), "tunnel_name": self.flags.tunnel_name,
                                    "tunnel_server": "127.0.0.1:443", "tunnel_host": "maki81134"})
        if path == "/metrics":
            return 200, ('# TYPE sauce_connect_version gauge\nsauce_connect_version{version="5"} 1\n'
                         'sauce_connect_http_requests_in_flight{method="GET"} 2\n'
                         'sauce_connect_http_requests_in_flight{method="POST"} 1\n')
        return 200, "<html>index</html>"  # the catch-all

    def note_ready(self):
        self.log("control", "INFO", READY)

    def note_draining(self):
        self.log("control", "INFO", "shutting down")

    def note_end(self):
        self.log("control", "INFO", "Goodbye.")

    def fatal(self, text):
        self.log("control", "ERROR", "fatal error exiting: " + text)
        return 1

    def ended_remotely(self):
        return self.fatal("tunnel terminated by user request")


class FourClient(Client):
    def open(self):
        flags = self.flags
        if flags.pidfile:
            self.pid_lock = open(flags.pidfile, "a+")
            try:
                fcntl.flock(self.pid_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                print(f"Error creating pidfile {flags.pidfile}: resource temporarily unavailable", flush=True)
                return 1
            self.pid_lock.truncate(0)
            self.pid_lock.write(str(os.getpid()))
            self.pid_lock.flush()
        self.out = open(flags.logfile, "w") if flags.logfile else sys.stdout
        if getattr(flags, "status_address", None):
            try:
                self.serve_api(flags.status_address)
            except OSError:
                return self.fatal(f"listen tcp {flags.status_address}: bind: address already in use")
        if getattr(flags, "metrics_address", None):
            host, _, port = flags.metrics_address.rpartition(":")
            try:
                self.metrics = socket.create_server((host, int(port)))
            except OSError:
                return self.fatal(f"listen tcp {flags.metrics_address}: bind: address already in use")
        code = self.run()
        for path in (flags.pidfile, flags.readyfile):
            if path:
                pathlib.Path(path).unlink(missing_ok=True)
        return code

    def log(self, text, screen=True):
        if screen:
            print(text, flush=True)
        now = time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime())
        self.out.write(f"{now} [{os.getpid()}] [MAIN] [INFO] {text}\n")
        self.out.flush()

    def answer(self, path):
        is_ready = self.ready()
        if path == "/readiness":
            return (200, "OK") if is_ready else (503, "Sauce Connect isn't ready")
        if path == "/liveness":
            return 200, "OK"
        if path == "/api/v1/status":
            return 200, json.dumps({"tunnelID": self.facts().get("tunnel_id", ""), "reconnectCount": 0,
                                    "tunnelName": self.flags.tunnel_name,
                                    "tunnelStatus": "connected" if is_ready else "disconnected"})
        return 404, "Not Found"

    def note_ready(self):
        tunnel = self.facts()["tunnel_id"]
        self.log(f"Secure remote tunnel provisioned. Tunnel ID: {tunnel}")
        self.log(READY + ".")
        if self.flags.readyfile:
            text = json.dumps({"tunnelID": tunnel}) if self.version >= (4, 8) else ""
            pathlib.Path(self.flags.readyfile).write_text(text)

    def note_draining(self):
        self.log("Cleaning up the tunnel connection.")

    def note_end(self):
        self.log("All jobs using the tunnel have finished.")
        self.log("Goodbye.")

    def fatal(self, text):
        self.log(text)
        return 1

    def ended_remotely(self):
        self.log("The remote VM was terminated by user request.")
        return 8


def main():
    version = tuple(int(part) for part in sys.argv[1].split("."))
    words = sys.argv[2:]
    if words in (["version"], ["--version"]):
        asked_right = (words == ["version"]) == (version >= (5,))
        if "VENDOR_NO_VERSION" in os.environ or not asked_right:
            print("Error: unknown command or flag", file=sys.stderr)
            return 1
        if version >= (5,):
            print(f"Version:\t{sys.argv[1]}\nBuild time:\t2025-01-01T00:00:00Z\nGo Version:\tgo1.23.4")
        else:
            print(f"Sauce Connect {sys.argv[1]}, build 5 -n +dirty")
        return 0
    try:
        flags = parse(version, words)
    except Usage as problem:
        text = re.sub("unrecognized arguments", "unknown flag", str(problem))
        print(f"Error: {text}", file=sys.stderr)
        return 1
    client = (FiveClient if version >= (5,) else FourClient)(version, flags)
    try:
        return client.open()
    finally:
        shutil.rmtree(client.home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
