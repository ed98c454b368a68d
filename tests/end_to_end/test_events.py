"""Events as operators and their programs read them: every one once, from any cursor, over any restart."""

import json
import os
import signal
import socket
import subprocess

from pool import BIN, PATIENCE, wait_for


def events(pool, *words):
    answer = pool.verb("events", "--json", *words)
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


class ServerSentEvents:
    """A reader as browsers are: remembers the last id and reconnects with it."""

    def __init__(self, address):
        self.address, self.last_id, self.seen = address, None, []

    def read(self, until):
        """Connects, and disconnects once `until(event)` is true."""
        host, port = self.address
        with socket.create_connection((host, port), PATIENCE) as connection:
            resume = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
            connection.sendall(f"GET /v1/events HTTP/1.0\r\nHost: {host}\r\n"
                               f"Accept: text/event-stream\r\n{resume}\r\n".encode())
            lines = connection.makefile("r", encoding="utf-8")
            assert "200" in lines.readline()
            event_id = None
            for line in lines:
                if line.startswith("id: "):
                    event_id = line[4:].strip()
                elif line.startswith("data: "):
                    event = json.loads(line[6:])
                    assert event_id == str(event["cursor"])
                    self.seen.append(event)
                    self.last_id = event_id
                    if until(event):
                        return
            raise AssertionError(f"the stream ended; last: {self.seen[-3:]}")


def api_address(pool):
    host, _, port = pool.status()["api_url"].split("//")[1].rpartition(":")
    return host, int(port)


def test_a_reader_that_reconnects_sees_every_event_once(own_pool):
    own_pool.start()
    reader = ServerSentEvents(api_address(own_pool))
    reader.read(lambda event: event.get("state") == "ready")
    victim = own_pool.workers()[1]
    os.kill(victim["pid"], signal.SIGKILL)
    reader.read(lambda event: event.get("state") == "exited")
    reader.read(lambda event: event.get("state") == "ready" and event["slot"] == victim["slot"]
                and event["generation"] > victim["generation"])
    assert own_pool.verb("restart", "--rolling", "--wait", "--timeout", "2m").returncode == 0
    reader.read(lambda event: event["reason"] == "rollout-done")
    everything = events(own_pool)
    cursors = [event["cursor"] for event in reader.seen]
    assert cursors == [event["cursor"] for event in everything][:len(cursors)]
    assert len(set(cursors)) == len(cursors) > 20
    crash = next(event for event in everything if event.get("cause") == "crash")
    assert crash["slot"] == victim["slot"] and crash["generation"] == victim["generation"]
    assert events(own_pool, "--since", str(cursors[-2]))[0]["cursor"] == cursors[-1]


def test_following_goes_on_when_the_supervisor_was_killed(own_pool):
    own_pool.start()
    follower = subprocess.Popen([BIN / "sc-pool", "events", "--pool", "own", "-f", "--json"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                env=own_pool.environment)
    seen = []

    def read_until(found):
        for line in follower.stdout:
            seen.append(json.loads(line))
            if found(seen[-1]):
                return
        raise AssertionError(f"the follower ended: {seen[-3:]}")

    read_until(lambda event: event["event"] == "supervisor-started")
    os.kill(own_pool.process.pid, signal.SIGKILL)
    own_pool.process.wait()
    own_pool.start()
    read_until(lambda event: event["event"] == "supervisor-started")
    assert "3 running workers taken back" in seen[-1]["detail"]
    assert own_pool.stop() == 0
    read_until(lambda event: event["event"] == "pool-down")
    assert follower.wait(PATIENCE) == 0
    follower.stdout.close()
    cursors = [event["cursor"] for event in seen]
    assert cursors == sorted(set(cursors))
    assert "gap" not in {event["event"] for event in seen}


def test_a_cursor_that_is_too_old_is_told_of_the_gap(pool):
    oldest = events(pool)[0]["cursor"]
    first = events(pool, "--since", str(oldest - 5))[0]
    assert first["event"] == "gap" and first["cursor"] == oldest - 1
    for_people = pool.verb("events", "--since", "1")
    assert "not kept any more" in for_people.stderr


def test_following_with_curl_on_the_control_socket(pool):
    curl = subprocess.Popen(["curl", "-sN", "--unix-socket", pool.status()["supervisor"]["socket"],
                             "http://pool/v1/events?follow=1"], stdout=subprocess.PIPE, text=True)
    first = json.loads(curl.stdout.readline())
    assert first["event"] == "supervisor-started"
    assert wait_for(lambda: curl.stdout.readline(), "a second event")
    curl.terminate()
    curl.wait()
    curl.stdout.close()
