"""What is measured side by side: the way to one origin, direct, through our pool, through peers.

Every peer encrypts between its two ends, as a tunnel does, and all with the cipher that ours
prefers: TLS 1.3 with AES-GCM of 128 bits (ssh the same cipher within its own protocol). All run on one machine over loopback. The origin has two services: nginx with
files in memory ("files"), and site.py for the rest ("site", paths below /site/).
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "end_to_end"))

from machine import children_of  # noqa: E402
from pool import Pool  # noqa: E402

SIZES = {"1k": 1 << 10, "large": 1 << 30, "half": 1 << 29, "eighth": 1 << 27, "small": 1 << 24}
PACED = 100  # MiB/s: what nginx sends of /paced
SUITE = "TLS_AES_128_GCM_SHA256"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, address="127.0.0.1"):
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((address, port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.05)


def remove_left_over():
    """Files of runs that were killed."""
    for files in pathlib.Path("/dev/shm").glob("sc-pool-bench-*"):
        if not pathlib.Path(f"/proc/{files.name.rpartition('-')[2]}").exists():
            shutil.rmtree(files, ignore_errors=True)


class Origin:
    def __init__(self, directory):
        remove_left_over()
        self.files = pathlib.Path("/dev/shm") / f"sc-pool-bench-{os.getpid()}"
        self.files.mkdir(exist_ok=True)
        self.ports = {"files": free_port(), "site": free_port()}
        for name, size in SIZES.items():
            with (self.files / name).open("wb") as file:
                file.truncate(size)
        (self.files / "paced").symlink_to("large")
        config = directory / "origin.conf"
        config.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {directory}/origin.pid;
error_log {directory}/origin.err;
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; tcp_nopush off; keepalive_requests 100000000;
  keepalive_timeout 600; client_body_temp_path {directory}/body;
  server {{ listen 127.0.0.1:{self.ports["files"]} backlog=4096; root {self.files};
    location /paced {{ limit_rate {PACED}m; sendfile_max_chunk 256k; }} }} }}
""")
        site = pathlib.Path(__file__).parent / "site.py"
        self.processes = [subprocess.Popen(["nginx", "-c", config, "-e", directory / "origin.err"]),
                          subprocess.Popen([sys.executable, site, str(self.ports["site"])])]
        for port in self.ports.values():
            wait_for_port(port)

    def pids(self):
        return [process.pid for process in self.processes]

    def close(self):
        for process in self.processes:
            process.terminate()
            process.wait()
        shutil.rmtree(self.files)


def service_of(path):
    return "site" if path.startswith("/site/") else "files"


class Direct:
    """The origin itself, and the base of every way to it."""
    name = "direct"
    encrypted = False
    slow = False

    def __init__(self, directory, origin, certificate):
        self.directory, self.origin, self.certificate = directory, origin, certificate
        self.ports = dict(origin.ports)  # where a client asks for each service
        self.processes = {"near": [], "far": []}  # beside the client, beside the origin
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        pass

    def curl(self, path):
        return ["--noproxy", "*", f"http://127.0.0.1:{self.ports[service_of(path)]}{path}"]

    def wrk(self, path):
        """(URL for wrk, target in absolute form or None)"""
        return f"http://127.0.0.1:{self.ports[service_of(path)]}{path}", None

    def open(self, path, receive_buffer=None):
        """A connection on which a request for `path` was sent."""
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect(self.address(path))
        self.prepare(connection, path)
        connection.sendall(self.request(path))
        return connection

    def address(self, path):
        return "127.0.0.1", self.ports[service_of(path)]

    def prepare(self, connection, path):
        pass

    def host(self, path):
        return f"127.0.0.1:{self.origin.ports[service_of(path)]}"

    def request(self, path):
        return f"GET {path} HTTP/1.1\r\nHost: {self.host(path)}\r\n\r\n".encode()

    def ends(self):
        """{"near": pids, "far": pids}"""
        return {end: children_of([process.pid for process in processes])
                for end, processes in self.processes.items()}

    def all_pids(self):
        return [pid for pids in self.ends().values() for pid in pids]

    def spawn(self, end, *command):
        self.processes[end].append(subprocess.Popen([str(word) for word in command],
                                                    stdout=subprocess.DEVNULL,
                                                    stderr=subprocess.DEVNULL))

    def relay(self):
        """[(service, port for clients, port between the ends, port of the origin)]"""
        services = []
        for service, port in self.origin.ports.items():
            self.ports[service] = free_port()
            services.append((service, self.ports[service], free_port(), port))
        return services

    def close(self):
        started = [process for processes in self.processes.values() for process in processes]
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


class NginxStream(Direct):
    name = "nginx stream TLS"
    encrypted = True

    def start(self):
        near = far = ""
        for _, port, inner, site in self.relay():
            near += f"""server {{ listen 127.0.0.1:{port} backlog=4096;
  proxy_pass 127.0.0.1:{inner}; proxy_ssl on; proxy_ssl_protocols TLSv1.3;
  proxy_ssl_conf_command Ciphersuites {SUITE}; }}\n"""
            far += f"""server {{ listen 127.0.0.1:{inner} ssl backlog=4096; ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites {SUITE}; ssl_certificate {self.certificate.pem}; ssl_certificate_key {self.certificate.key};
  proxy_pass 127.0.0.1:{site}; }}\n"""
        for end, servers in {"far": far, "near": near}.items():
            config = self.directory / f"stream-{end}.conf"
            config.write_text(f"""load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; master_process off; pid {self.directory}/stream-{end}.pid;
error_log {self.directory}/stream.err; events {{ worker_connections 16384; }}
stream {{ proxy_buffer_size 64k; tcp_nodelay on; {servers} }}""")
            self.spawn(end, "nginx", "-c", config, "-e", self.directory / "stream.err")
        wait_for_port(self.ports["files"])


class Haproxy(Direct):
    name = "HAProxy TLS relay"
    encrypted = True

    def start(self):
        both = self.directory / "haproxy.pem"
        both.write_text(self.certificate.pem.read_text() + self.certificate.key.read_text())
        near = far = ""
        for service, port, inner, site in self.relay():
            near += (f"listen {service}\n  bind 127.0.0.1:{port}\n"
                     f"  server s 127.0.0.1:{inner} ssl verify none\n")
            far += (f"listen {service}\n  bind 127.0.0.1:{inner} ssl crt {both}\n"
                    f"  server s 127.0.0.1:{site}\n")
        for end, listeners in {"far": far, "near": near}.items():
            config = self.directory / f"haproxy-{end}.cfg"
            config.write_text(f"""global
  nbthread 1
  maxconn 8192
  ssl-default-bind-ciphersuites {SUITE}
  ssl-default-server-ciphersuites {SUITE}
defaults
  mode tcp
  timeout connect 10s
  timeout client 10m
  timeout server 10m
{listeners}""")
            self.spawn(end, "haproxy", "-db", "-f", config)
        wait_for_port(self.ports["files"])


class Stunnel(Direct):
    name = "stunnel pair"
    encrypted = True

    def start(self):
        near = far = ""
        for service, port, inner, site in self.relay():
            near += (f"[{service}]\nclient = yes\naccept = 127.0.0.1:{port}\n"
                     f"connect = 127.0.0.1:{inner}\n")
            far += (f"[{service}]\naccept = 127.0.0.1:{inner}\nconnect = 127.0.0.1:{site}\n"
                    f"cert = {self.certificate.pem}\nkey = {self.certificate.key}\n")
        for end, services in {"far": far, "near": near}.items():
            config = self.directory / f"stunnel-{end}.conf"
            config.write_text("foreground = yes\npid =\nsocket = l:TCP_NODELAY=1\n"
                              f"ciphersuites = {SUITE}\nsocket = r:TCP_NODELAY=1\n{services}")
            self.spawn(end, "stunnel4", config)
        wait_for_port(self.ports["files"])


class Nghttpx(Direct):
    name = "nghttpx, h2 over TLS"
    encrypted = True

    def start(self):
        port, inner = free_port(), free_port()
        self.ports = dict.fromkeys(self.origin.ports, port)
        common = ["--conf=/dev/null", "--workers=1", "--no-ocsp", "--accesslog-file=/dev/null",
                  "--errorlog-file=/dev/null", f"--tls13-ciphers={SUITE}",
                  f"--tls13-client-ciphers={SUITE}", "--backend-connections-per-host=2048"]
        self.spawn("far", "nghttpx", *common, f"--frontend=127.0.0.1,{inner}",
                   f"--backend=127.0.0.1,{self.origin.ports['files']};/;proto=http/1.1",
                   f"--backend=127.0.0.1,{self.origin.ports['site']};/site/;proto=http/1.1",
                   "--frontend-http2-max-concurrent-streams=4096",
                   self.certificate.key, self.certificate.pem)
        self.spawn("near", "nghttpx", *common, f"--frontend=127.0.0.1,{port};no-tls", "--insecure",
                   "--backend-http2-max-concurrent-streams=4096",
                   f"--backend=127.0.0.1,{inner};;proto=h2;tls")
        wait_for_port(port)


class SshReverse(Direct):
    name = "ssh -R"
    encrypted = True
    slow = True

    def start(self):
        inner = free_port()
        services = [(port, site) for _, port, _, site in self.relay()]
        assert os.geteuid() == 0, "its server needs root"
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            self.directory / name], check=True)
        shutil.copy(self.directory / "user.pub", self.directory / "authorized")
        self.spawn("near", "/usr/sbin/sshd", "-D", "-f", "/dev/null", "-p", inner,
                   "-h", self.directory / "host", "-o", "ListenAddress=127.0.0.1",
                   "-o", f"AuthorizedKeysFile={self.directory}/authorized", "-o", "StrictModes=no",
                   "-o", "PermitRootLogin=yes", "-o", "MaxSessions=100",
                   "-o", f"PidFile={self.directory}/sshd.pid")
        wait_for_port(inner)
        forwards = [word for port, site in services
                    for word in ("-R", f"127.0.0.1:{port}:127.0.0.1:{site}")]
        self.spawn("far", "ssh", "-F", "/dev/null", "-N", "-p", inner, "-i",
                   self.directory / "user", "-o", "StrictHostKeyChecking=no",
                   "-c", "aes128-gcm@openssh.com", "-o", "UserKnownHostsFile=/dev/null", *forwards, "127.0.0.1")
        wait_for_port(self.ports["files"])


class OurPool(Direct):
    """Requests in absolute form through the ingress that needs no credential."""
    name, size = "sc-pool, 1 worker", 1
    encrypted = True

    def start(self):
        self.pool = Pool(self.directory / f"pool-{self.size}", name=f"bench{self.size}",
                         config=f"[pool]\nsize = {self.size}\n")
        self.pool.start()
        self.proxy = self.pool.open_ingress
        self.pids_of_ends = {"near": [], "far": [], "supervisor": []}
        ends = {"sc-server": "near", "sc-worker": "far", "sc-pool": "supervisor"}
        for pid in self.pool.pids():
            program = pathlib.Path(os.readlink(f"/proc/{pid}/exe")).name
            self.pids_of_ends[ends[program]].append(pid)

    def url(self, path):
        return f"http://{self.host(path)}{path}"

    def curl(self, path):
        return ["--noproxy", "", "-x", "http://%s:%d" % self.proxy, self.url(path)]

    def wrk(self, path):
        return "http://%s:%d" % self.proxy, self.url(path)

    def address(self, _path):
        return self.proxy

    def request(self, path):
        return f"GET {self.url(path)} HTTP/1.1\r\nHost: {self.host(path)}\r\n\r\n".encode()

    def ends(self):
        return self.pids_of_ends

    def close(self):
        self.pool.destroy()


class PoolOfThree(OurPool):
    name, size = "sc-pool, 3 workers", 3


class OurConnect(Direct):
    """The pool of one worker again, by CONNECT: what is in it is nobody's business on the way."""
    name = "sc-pool, CONNECT"
    encrypted = True

    def __init__(self, pool):
        self.pool = pool
        super().__init__(pool.directory, pool.origin, pool.certificate)

    def curl(self, path):
        return ["-p", *self.pool.curl(path)]

    def wrk(self, _path):
        return None

    def address(self, path):
        return self.pool.address(path)

    def prepare(self, connection, path):
        connection.sendall(f"CONNECT {self.host(path)} HTTP/1.1\r\n"
                           f"Host: {self.host(path)}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            assert piece, f"{self.name}: closed in the head"
            head += piece
        assert head.startswith(b"HTTP/1.1 200"), head

    def ends(self):
        return self.pool.ends()

    def close(self):
        pass


PEERS = [NginxStream, Haproxy, Stunnel, Nghttpx, SshReverse]
TARGETS = [Direct, OurPool, OurConnect, PoolOfThree, *PEERS]  # CONNECT behind the pool it goes through
