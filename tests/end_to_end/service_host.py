"""A machine of its own with systemd as PID 1: systemd-nspawn on an overlay of this one, loopback only.

What it writes lives in memory and goes with it. Needs root and a kernel that lets it mount overlays."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

from pool import BIN, PATIENCE, wait_for

SOURCE = pathlib.Path(__file__).parents[2]
# The mounts are in a namespace that ends with the machine. Control groups of version 1 are made by
# hand, one tree a machine; with version 2 the machine lives in the test's own.
OVERLAY = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for each in etc var/lib var/log; do rm -rf "$1/root/$each/sc-pool" "$1/root/$each/sc-server"; done
cp -r --preserve=mode "$2/." "$1/root/"
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ ! -e "$hierarchy/cgroup.procs" ] || { mkdir "$hierarchy/$3"; echo $$ > "$hierarchy/$3/cgroup.procs"; }
done
shift 3
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe "$@"
"""
# Nothing of the host's services is started, only what tests ask for.
TARGET = """
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""


class ServiceHost:
    def __init__(self, directory, files):
        """`files`: path inside -> (text, mode)."""
        self.mount, self.tree = directory / "machine", directory / "files"
        self.output = directory / "console"
        self.name = f"sc-pool-{os.getpid()}"
        self.process = self.leader = None
        self.mount.mkdir()
        for path, (text, mode) in {**files, "/etc/systemd/system/host.target": (TARGET, 0o644)}.items():
            file = self.tree / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(mode)
        programs = self.tree / "usr/bin"
        programs.mkdir(parents=True)
        for program in ("sc-pool", "sc-worker", "sc-server"):
            shutil.copy(BIN / program, programs)
        units = self.tree / "etc/systemd/system"
        for unit in (SOURCE / "systemd").glob("*@.*"):
            shutil.copy(unit, units)
        for kind in ("sysusers", "tmpfiles"):
            folder = self.tree / f"usr/lib/{kind}.d"
            folder.mkdir(parents=True)
            shutil.copy(SOURCE / f"systemd/sc-pool.{kind}", folder / "sc-pool.conf")

    def command(self, *words):
        return ["unshare", "--mount", "--propagation", "private", "bash", "-c", OVERLAY, "overlay",
                self.mount, self.tree, self.name, f"--directory={self.mount}/root",
                f"--machine={self.name}", *words]

    def why_impossible(self):
        """A sentence when this kernel, or what confines us, allows no such machine; else None."""
        if os.getuid() != 0:
            return "a machine with systemd needs root"
        if shutil.which("systemd-nspawn") is None:
            return "systemd-nspawn is not installed (package systemd-container)"
        trial = subprocess.run(self.command("/bin/true"), stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=PATIENCE)
        self.remove_control_groups()
        return None if trial.returncode == 0 else f"no machine with systemd here: {trial.stderr.strip()}"

    def start(self):
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(self.command("--boot", "systemd.unit=host.target"),
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

        def is_up():
            assert self.process.poll() is None, self.output.read_text(errors="replace")
            self.leader = self.leader or self.find_leader()
            return self.leader and self.run("systemctl", "is-active", "host.target").returncode == 0
        wait_for(is_up, "the machine is up")
        return self

    def find_leader(self):
        """The pid, seen from here, of the process that is PID 1 there."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in children.split():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            if re.search(r"^NSpid:.*\s1$", status, re.MULTILINE):
                return pid
        return None

    def run(self, *words):
        return subprocess.run(["nsenter", "--target", self.leader, "--all", "--", *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)

    def do(self, *words):
        """run(), for what must succeed; gives its output."""
        answer = self.run(*words)
        assert answer.returncode == 0, f"{words}: {answer.stdout}{answer.stderr}\n{self.journal()}"
        return answer.stdout

    def journal(self):
        return self.run("journalctl", "--no-pager", "--lines=60", "--output=cat").stdout

    def shown(self, unit, name):
        return self.do("systemctl", "show", "--value", "--property", name, unit).strip()

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            if self.leader:
                os.kill(int(self.leader), signal.SIGKILL)  # and with PID 1 everything in there
            else:
                self.process.kill()
            self.process.wait()
        self.remove_control_groups()

    def remove_control_groups(self):
        for tree in pathlib.Path("/sys/fs/cgroup").glob(f"*/{self.name}"):
            for folder, _, _ in os.walk(tree, topdown=False):
                os.rmdir(folder)
