"""A pool whose workers are stub_worker, which misbehaves on request: no server, real processes."""

import subprocess

from pool import BIN, PATIENCE, Pool, wait_for

STUB = BIN / "stub_worker"


class StubPool(Pool):
    """`sc-pool up` whose workers are stubs; `stub` is their environment."""

    def __init__(self, directory, size=2, stub=(), settings="", worker=STUB, program=BIN / "sc-pool"):
        super().__init__(directory, name="stubs")
        self.program = program
        key = directory / "key"
        key.write_text("not a real key\n")
        key.chmod(0o600)
        words = ", ".join(f'"{word}"' for word in stub)
        self.config.write_text(f"""
[pool]
size = {size}
min_ready_time = "0s"
canary_time = "0s"
drain_timeout = "20s"
stop_grace = "500ms"
{settings}
[health]
rest_period = "0s"
probe_period = "100ms"
[restart]
backoff_base = "20ms"
[worker]
program = "{worker}"
environment = [{words}]
[account]
user = "nobody"
access_key_file = "{key}"
rest_url = "http://127.0.0.1:9/rest/v1"
""")

    def command(self, *words):
        return [self.program, "up", "--config", self.config, "--pool", self.name,
                "--api-address", "127.0.0.1:0", *words]

    def start(self, *words, ready=True):
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, env=self.environment)
        if ready:
            self.wait_ready()
        return self

    def up(self, *words):
        """For an `up` that ends by itself."""
        return subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment, timeout=PATIENCE)

    def check_nothing_left(self):
        wait_for(lambda: self.pids() == [], "every process of the pool has ended")
        left = self.left_over_files()
        assert left == [], left


def at_full_strength(pool):
    status = pool.status()
    ready = [worker for worker in status["workers"] if worker["state"] == "ready"]
    return len(ready) == status["size"] == len(status["workers"]) and ready
