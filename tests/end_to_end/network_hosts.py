"""Hosts in network namespaces of their own: a server host, a worker host and a site host.

    server host ──10.77.1.0/24── router ──10.77.2.0/24── worker host ──192.168.77.0/24── site host

Cut with what every kernel with namespaces has: links, routes and the closing of sockets. A link that is
long or loses packets is a process of ours between two TUN devices (slow_link.py), since a kernel need not
have netem. Needs root; nothing of it outlives the test.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from pool import BIN, PATIENCE, Pool, wait_for

HERE = pathlib.Path(__file__).parent
SERVER, WORKER, MOVED_WORKER = "10.77.1.2", "10.77.2.2", "10.77.2.77"
SITE = "192.168.77.2"
USER, KEY = "ci", "0f5f0f2e-6f0e-4c59-9b2b-3f8d6d6d6a11"
SERVER_CONFIG = """
listen = "{server}:8443"
host = "{server}"
certificate = "{directory}/tls.pem"
key = "{directory}/tls.key"
state_dir = "{directory}/server"
admin_listen = "127.0.0.1:9464"
[[account]]
name = "{user}"
access_key_file = "{directory}/access.key"
[[ingress]]
listen = "127.0.0.1:3128"
{more}
"""
POOL_CONFIG = """
[pool]
size = {size}
min_ready_time = "0s"
canary_time = "0s"
{pool}
[account]
user = "{user}"
access_key_file = "{directory}/access.key"
rest_url = "https://{server}:8443/rest/v1"
ca_file = "{directory}/tls.pem"
{more}
"""


def run(*words, check=True):
    answer = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=PATIENCE)
    assert not check or answer.returncode == 0, f"{words}: {answer.stderr.strip()}"
    return answer


def why_impossible():
    """A sentence when there can be no network namespaces here; else None."""
    if os.getuid() != 0:
        return "network namespaces need root"
    for program, package in (("ip", "iproute2"), ("ss", "iproute2"), ("unshare", "util-linux")):
        if shutil.which(program) is None:
            return f"{program} is not installed (package {package})"
    trial = run("unshare", "--net", "ip", "link", "add", "one", "type", "veth", "peer", "name", "two", check=False)
    return None if trial.returncode == 0 else f"no network namespaces here: {trial.stderr.strip()}"


def remove_left_over():
    """Namespaces of test runs that were killed."""
    for name in re.findall(r"^(scpool-\d+-\w+)", run("ip", "netns", "list").stdout, re.MULTILINE):
        if not pathlib.Path(f"/proc/{name.split('-')[1]}").exists():
            remove_namespace(name)


def remove_namespace(name):
    for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    run("ip", "netns", "delete", name, check=False)


class NetworkHosts:
    """`link`: words for slow_link.py, as "--delay=50 --loss=1"; without them the link is a veth pair."""

    def __init__(self, directory, link=(), server_config=""):
        self.directory, self.link_words, self.server_config = directory, link, server_config
        self.processes, self.output, self.pools = [], {}, []
        self.server_process = self.site = None
        self.worker_address = WORKER

    def space(self, host):
        return f"scpool-{os.getpid()}-{host}"

    def inside(self, host, *words):
        """The command line that runs `words` on a host."""
        return ["ip", "netns", "exec", self.space(host), *[str(word) for word in words]]

    def ip(self, host, *words):
        return run("ip", "-n", self.space(host), *words)

    def spawn(self, host, name, *words, **more):
        with (self.directory / f"{name}.out").open("ab") as output:
            more = {"stdin": subprocess.DEVNULL, "stdout": output, **more}
            process = subprocess.Popen(self.inside(host, *words), stderr=output, **more)
        self.processes.append(process)
        return process

    # -- building ---------------------------------------------------------------------------------------

    def build(self):
        remove_left_over()
        for host in ("server", "router", "worker", "site"):
            run("ip", "netns", "add", self.space(host))
            self.ip(host, "link", "set", "lo", "up")
            run(*self.inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=1"))
        if self.link_words:
            self.add_slow_link()
        else:
            self.add_link("server", "wan", "router", "to-server")
        self.add_link("router", "to-worker", "worker", "wan")
        self.add_link("worker", "lan", "site", "lan")
        for host, device, address in (
                ("server", "wan", f"{SERVER}/24"), ("router", "to-server", "10.77.1.1/24"),
                ("router", "to-worker", "10.77.2.1/24"), ("worker", "wan", f"{WORKER}/24"),
                ("worker", "lan", "192.168.77.1/24"), ("site", "lan", f"{SITE}/24")):
            self.ip(host, "address", "add", address, "dev", device)
            self.ip(host, "link", "set", device, "up")
        self.ip("server", "route", "add", "default", "via", "10.77.1.1")
        self.ip("worker", "route", "add", "default", "via", "10.77.2.1")
        self.ip("site", "route", "add", "default", "via", "192.168.77.1")
        self.ip("router", "route", "add", "192.168.77.0/24", "via", WORKER)
        self.write_secrets()
        return self

    def add_link(self, host, device, other, other_device):
        self.ip(host, "link", "add", device, "type", "veth", "peer", "name", other_device,
                "netns", self.space(other))

    def add_slow_link(self):
        process = subprocess.Popen(
            [sys.executable, HERE / "slow_link.py", self.space("server"), "wan", self.space("router"),
             "to-server", *self.link_words], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout.readline() == "ready\n"

    def write_secrets(self):
        key, leaf = self.directory / "tls.key", self.directory / "tls.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=tunnels", "-keyout", key, "-out", leaf, "-addext",
            f"subjectAltName=IP:{SERVER},IP:{SITE},IP:127.0.0.1")
        secret = self.directory / "access.key"
        secret.write_text(KEY)
        secret.chmod(0o600)

    # -- programs ---------------------------------------------------------------------------------------

    def start_site(self):
        process = self.spawn("site", "site", sys.executable, HERE / "origin_site.py", "--address", SITE,
                             "--certificate", self.directory / "tls.pem", "--key",
                             self.directory / "tls.key", stdout=subprocess.PIPE, text=True)
        ports = json.loads(process.stdout.readline())
        self.site = {name: f"{SITE}:{port}" for name, port in ports.items()}
        return self

    def start_server(self):
        config = self.directory / "server.toml"
        config.write_text(SERVER_CONFIG.format(server=SERVER, directory=self.directory, user=USER,
                                               more=self.server_config))
        self.server_process = self.spawn("server", "server", BIN / "sc-server", "run", "--config", config)

        def answers():
            assert self.server_process.poll() is None, (self.directory / "server.out").read_text()
            return self.ask_server("/healthz").returncode == 0
        wait_for(answers, "the server is up")
        return self

    def stop_server(self, number=signal.SIGTERM):
        self.server_process.send_signal(number)
        return self.server_process.wait(PATIENCE)

    def ask_server(self, path):
        return run(*self.inside("server", "curl", "-sf", "--noproxy", "*", f"http://127.0.0.1:9464{path}"),
                   check=False)

    def server_metrics(self, name):
        """{labels as text: value} of one metric of the server."""
        text = self.ask_server("/metrics").stdout
        return {labels: float(value) for labels, value in re.findall(
            rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)}

    def rest(self, method, path):
        """(status, decoded JSON) of a REST call made on the server host."""
        answer = run(*self.inside("server", "curl", "-sS", "--noproxy", "*", "--cacert",
                                  self.directory / "tls.pem", "-u", f"{USER}:{KEY}", "-X", method, "-w",
                                  "\n%{http_code}", f"https://{SERVER}:8443/rest/v1/{USER}{path}"))
        text, _, status = answer.stdout.rpartition("\n")
        return int(status), json.loads(text) if text else None

    def pool(self, size=1, name="net", pool_keys="", more=""):
        pool = Pool(self.directory / name, name=name, mode=(), prefix=self.inside("worker"),
                    config=POOL_CONFIG.format(server=SERVER, directory=self.directory, user=USER, size=size,
                                              pool=pool_keys, more=more))
        self.pools.append(pool)
        return pool

    # -- cutting ----------------------------------------------------------------------------------------

    def reset_connections(self):
        """RST to both ends of everything between the server and the worker host; how many there were."""
        ways = (("server", self.worker_address), ("worker", SERVER))
        return sum(run(*self.inside(host, "ss", "-KtnH", "dst", other)).stdout.count("\n")
                   for host, other in ways)

    def link_down(self):
        """Between server and router: no end but the server's sees it."""
        self.ip("router", "link", "set", "to-server", "down")

    def link_up(self):
        self.ip("router", "link", "set", "to-server", "up")

    def drop_towards(self, host):
        self.ip("router", "route", "add", "blackhole", self.address_of(host) + "/32")

    def deliver_towards(self, host):
        self.ip("router", "route", "delete", "blackhole", self.address_of(host) + "/32")

    def address_of(self, host):
        return SERVER if host == "server" else self.worker_address

    def move_worker(self, address=MOVED_WORKER):
        """The worker host gets another address, as after a new lease or another access point."""
        self.ip("worker", "address", "delete", f"{self.worker_address}/24", "dev", "wan")
        self.ip("worker", "address", "add", f"{address}/24", "dev", "wan")
        self.ip("worker", "route", "replace", "default", "via", "10.77.2.1")
        self.worker_address = address

    # -- the end ----------------------------------------------------------------------------------------

    def destroy(self):
        """However the test went, nothing is left; a second call does no harm."""
        for pool in self.pools:
            pool.destroy()
        for host in ("server", "worker", "site", "router"):
            remove_namespace(self.space(host))
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


class Clients:
    """A crowd on the server host (network_load.py)."""

    def __init__(self, hosts, *words):
        self.process = hosts.spawn(
            "server", "clients", sys.executable, HERE / "network_load.py", "--ingress", "127.0.0.1:3128",
            "--credential", f"{USER};tunnel=net:{KEY}", "--site", hosts.site["http"], "--secure",
            hosts.site["https"], "--ca", hosts.directory / "tls.pem", *words,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "started\n"

    def stop(self):
        """Ends it and gives its figures; may take as long as what is under way."""
        out, _ = self.process.communicate("stop\n", timeout=PATIENCE)
        return json.loads(out)
