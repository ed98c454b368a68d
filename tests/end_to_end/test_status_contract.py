"""docs/STATUS.md and what programs really get: the same fields, in every state of a slot."""

import json
import os
import pathlib
import re
import signal
import urllib.request

from pool import wait_for

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/STATUS.md"


def documented():
    """{section: {field: when}} of the document's tables."""
    sections = {}
    for part in re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|", part, re.MULTILINE)
        sections[part.splitlines()[0]] = {name: (kind.strip(), when.strip()) for name, kind, when in rows}
    return sections


def check(section, thing, owner=True):
    fields = documented()[section]
    assert set(thing) <= set(fields), f"not in the document: {set(thing) - set(fields)}"
    always = {name for name, (_, when) in fields.items() if when == "-" or (owner and when == "owner")}
    assert always <= set(thing), f"missing: {always - set(thing)}"
    if not owner:
        told = {name for name, (_, when) in fields.items() if when.startswith("owner")}
        assert not told & set(thing)
    kinds = {"number": int, "seconds": (int, float), "bytes": int, "bool": bool, "string": str, "path": str,
             "time": str, "null": type(None), "list": list, "list of strings": list, "object": dict}
    for name, value in thing.items():
        allowed = tuple(kinds[kind.strip()] for kind in fields[name][0].split(","))
        flat = tuple(each for kind in allowed for each in (kind if isinstance(kind, tuple) else (kind,)))
        assert isinstance(value, flat), f"{section}.{name} is {value!r}"
        if fields[name][0].startswith("time") and value is not None:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value)


def check_status(status, owner=True):
    check("status", status, owner)
    for worker in status["workers"]:
        check("worker" if worker["generation"] is not None else "vacant slot", worker, owner)
    check("rollout", status["rollout"], owner)
    check("supervisor", status["supervisor"], owner)
    if "local" in status:
        check("local", status["local"])


def test_status_is_as_documented_in_every_state(own_pool):
    own_pool.start()
    check_status(own_pool.status())
    with urllib.request.urlopen(own_pool.status()["api_url"] + "/info", timeout=60) as answer:
        check_status(json.load(answer), owner=False)
    seen = set()

    def look(until):
        status = own_pool.status()
        check_status(status)
        seen.update(worker["state"] for worker in status["workers"])
        seen.add("rollout " + status["rollout"]["state"])
        return until(status)

    # Killed again and again, a slot comes to wait for its next start.
    def crash(status):
        worker = next(each for each in status["workers"] if each["slot"] == 1)
        if worker["pid"]:
            try:
                os.kill(worker["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass
        return worker["state"] == "backoff"
    wait_for(lambda: look(crash), "a slot in backoff")
    explained = own_pool.verb("explain", "1").stdout
    assert "slot 1 has no worker" in explained or "worker 1." in explained
    wait_for(lambda: look(lambda status: status["ready"] == 3), "full strength again")
    own_pool.verb("restart", "--rolling")
    wait_for(lambda: look(lambda status: status["rollout"]["total"] == 3
                          and status["rollout"]["state"] == "idle"), "the end of the rollout")
    assert {"ready", "starting", "backoff", "rollout running"} <= seen

    events = [json.loads(line) for line in own_pool.verb("events", "--json").stdout.splitlines()]
    names = documented()["event"]
    for event in events:
        check("event", event)
    described = re.search(r"^\| `event` .*$", DOCUMENT.read_text(), re.MULTILINE).group()
    for name in {event["event"] for event in events}:
        assert f"`{name}`" in described or (name.startswith("worker-") and "`worker-STATE`" in described), name
    assert {name for event in events for name in event} == set(names)


def test_the_causes_are_as_documented():
    source = (DOCUMENT.parents[1] / "supervisor/core/pool_types.cpp").read_text()
    body = source[source.index("to_text(ExitCause"):source.index("to_text(RolloutState")]
    listed = re.search(r"Exit causes: (.*?)\.\n", DOCUMENT.read_text(), re.DOTALL).group(1)
    assert set(re.findall(r'return "([a-z-]+)"', body)) == set(re.findall(r"`([a-z-]+)`", listed))
