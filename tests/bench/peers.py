"""What is measured side by side: the way to one origin, direct, through our pool, through peers.

Every peer encrypts between its two ends, as a tunnel does, with TLS 1.3 and AES-GCM or what it
negotiates by itself. All run on one machine over loopback.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "end_to_end"))

from clients import basic  # noqa: E402
from pool import Pool, address_of, processes_of  # noqa: E402,F401


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.05)


def children_of(pids):
    """The processes themselves and all they have started."""
    found = set(pids)
    while True:
        more = set()
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
                if parent in found:
                    more.add(int(entry.name))
        if more <= found:
            return sorted(found)
        found |= more


class Origin:
    """nginx with files in memory, and a sink for uploads."""

    def __init__(self, directory):
        self.directory, self.port, sink = directory, free_port(), free_port()
        self.sink = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "sink.py", str(sink)])
        wait_for_port(sink)
        files = pathlib.Path("/dev/shm") / f"sc-pool-bench-{os.getpid()}"
        files.mkdir(exist_ok=True)
        self.files = files
        (files / "1k").write_bytes(b"x" * 1024)
        with (files / "large").open("wb") as large:
            large.truncate(1 << 30)
        config = directory / "origin.conf"
        config.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {directory}/origin.pid;
error_log {directory}/origin.err;
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; tcp_nopush off; keepalive_requests 100000000;
  keepalive_timeout 600; client_max_body_size 0; client_body_temp_path {directory}/body;
  server {{ listen 127.0.0.1:{self.port} backlog=4096; root {files};
    location /sink {{ proxy_request_buffering off; proxy_http_version 1.1;
      proxy_pass http://127.0.0.1:{sink}; }} }} }}
""")
        self.process = subprocess.Popen(["nginx", "-c", config, "-e", directory / "origin.err"])
        wait_for_port(self.port)

    def close(self):
        for process in (self.process, self.sink):
            process.terminate()
            process.wait()
        shutil.rmtree(self.files)


class Direct:
    name = "direct"
    encrypted = False

    def __init__(self, _directory, origin, _certificate):
        self.port = origin.port
        self.processes = []

    def curl(self, path):
        return ["--noproxy", "*", f"http://127.0.0.1:{self.port}{path}"]

    def wrk(self, path):
        return [f"http://127.0.0.1:{self.port}{path}"], None

    def pids(self):
        return children_of([process.pid for process in self.processes])

    def spawn(self, *command):
        self.processes.append(subprocess.Popen([str(word) for word in command],
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


class NginxStream(Direct):
    name = "nginx stream"
    encrypted = True

    def __init__(self, directory, origin, certificate):
        super().__init__(directory, origin, certificate)
        self.port, inner = free_port(), free_port()
        ends = {"near": f"""server {{ listen 127.0.0.1:{self.port} backlog=4096;
  proxy_pass 127.0.0.1:{inner}; proxy_ssl on; proxy_ssl_protocols TLSv1.3; }}""",
                "far": f"""server {{ listen 127.0.0.1:{inner} ssl backlog=4096; ssl_protocols TLSv1.3;
  ssl_certificate {certificate.pem}; ssl_certificate_key {certificate.key};
  proxy_pass 127.0.0.1:{origin.port}; }}"""}
        for end, server in ends.items():
            config = directory / f"stream-{end}.conf"
            config.write_text(f"""load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; master_process off; pid {directory}/stream-{end}.pid;
error_log {directory}/stream.err; events {{ worker_connections 8192; }}
stream {{ proxy_buffer_size 64k; tcp_nodelay on; {server} }}""")
            self.spawn("nginx", "-c", config, "-e", directory / "stream.err")
        wait_for_port(self.port)


class Haproxy(Direct):
    name = "HAProxy TLS relay"
    encrypted = True

    def __init__(self, directory, origin, certificate):
        super().__init__(directory, origin, certificate)
        self.port, inner = free_port(), free_port()
        both = directory / "haproxy.pem"
        both.write_text(certificate.pem.read_text() + certificate.key.read_text())
        ends = {"near": (f"bind 127.0.0.1:{self.port}", f"server s 127.0.0.1:{inner} ssl verify none"),
                "far": (f"bind 127.0.0.1:{inner} ssl crt {both}", f"server s 127.0.0.1:{origin.port}")}
        for end, (bind, server) in ends.items():
            config = directory / f"haproxy-{end}.cfg"
            config.write_text(f"""global
  nbthread 1
  maxconn 8192
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
listen relay
  {bind}
  {server}
""")
            self.spawn("haproxy", "-db", "-f", config)
        wait_for_port(self.port)


class Stunnel(Direct):
    name = "stunnel pair"
    encrypted = True

    def __init__(self, directory, origin, certificate):
        super().__init__(directory, origin, certificate)
        self.port, inner = free_port(), free_port()
        ends = {"near": f"client = yes\naccept = 127.0.0.1:{self.port}\nconnect = 127.0.0.1:{inner}",
                "far": f"accept = 127.0.0.1:{inner}\nconnect = 127.0.0.1:{origin.port}\n"
                       f"cert = {certificate.pem}\nkey = {certificate.key}"}
        for end, service in ends.items():
            config = directory / f"stunnel-{end}.conf"
            config.write_text(f"foreground = yes\npid =\nsocket = l:TCP_NODELAY=1\n"
                              f"socket = r:TCP_NODELAY=1\n[relay]\n{service}\n")
            self.spawn("stunnel4", config)
        wait_for_port(self.port)


class Nghttpx(Direct):
    name = "nghttpx"
    encrypted = True

    def __init__(self, directory, origin, certificate):
        super().__init__(directory, origin, certificate)
        self.port, inner = free_port(), free_port()
        common = ["--conf=/dev/null", "--workers=1", "--no-ocsp", "--accesslog-file=/dev/null",
                  "--errorlog-file=/dev/null", "--backend-connections-per-host=64"]
        self.spawn("nghttpx", *common, f"--frontend=127.0.0.1,{inner}",
                   f"--backend=127.0.0.1,{origin.port};;proto=http/1.1",
                   certificate.key, certificate.pem)
        self.spawn("nghttpx", *common, f"--frontend=127.0.0.1,{self.port};no-tls", "--insecure",
                   f"--backend=127.0.0.1,{inner};;proto=h2;tls")
        wait_for_port(self.port)


class SshReverse(Direct):
    name = "ssh -R"
    encrypted = True

    def __init__(self, directory, origin, certificate):
        super().__init__(directory, origin, certificate)
        self.port, inner = free_port(), free_port()
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name],
                           check=True)
        shutil.copy(directory / "user.pub", directory / "authorized")
        self.spawn("/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", inner, "-h", directory / "host",
                   "-o", "ListenAddress=127.0.0.1", "-o", f"AuthorizedKeysFile={directory}/authorized",
                   "-o", "StrictModes=no", "-o", "PermitRootLogin=yes", "-o", "MaxSessions=100",
                   "-o", f"PidFile={directory}/sshd.pid")
        wait_for_port(inner)
        self.spawn("ssh", "-F", "/dev/null", "-N", "-p", inner, "-i", directory / "user",
                   "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-R", f"127.0.0.1:{self.port}:127.0.0.1:{origin.port}", "127.0.0.1")
        wait_for_port(self.port)


class OurPool(Direct):
    """Requests in absolute form through the ingress that needs no credential."""
    size = 1
    encrypted = True

    def __init__(self, directory, origin, certificate):
        super().__init__(directory, origin, certificate)
        self.origin_port = origin.port
        self.pool = Pool(directory / f"pool-{self.size}", name=f"bench{self.size}",
                         config=f"[pool]\nsize = {self.size}\n").start()
        self.proxy = "%s:%d" % self.pool.open_ingress

    def curl(self, path):
        return ["--noproxy", "", "-x", f"http://{self.proxy}", f"http://127.0.0.1:{self.origin_port}{path}"]

    def wrk(self, path):
        return [f"http://{self.proxy}"], f"http://127.0.0.1:{self.origin_port}{path}"

    def pids(self):
        return [pid for pid in self.pool.pids() if b"sc-pool" not in
                pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]]

    def close(self):
        self.pool.stop("--now")
        self.pool.destroy()


class PoolOfOne(OurPool):
    name, size = "sc-pool, 1 worker", 1


class PoolOfThree(OurPool):
    name, size = "sc-pool, 3 workers", 3


ALL = [Direct, PoolOfOne, PoolOfThree, NginxStream, Haproxy, Stunnel, Nghttpx, SshReverse]
