"""Metrics, alert rules and dashboard with a real Prometheus: what is exported is well formed, every
expression that we ship can be asked, and alerts fire for what they are for."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest

from pool import wait_for

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / "configs/prometheus/sc-pool.rules.yml"
DASHBOARD = ROOT / "configs/grafana/sc-pool.json"
# ./dev test unpacks Debian's package there, without installing its service.
UNPACKED = ROOT / "build/tools/prometheus/usr/bin"


def program(name):
    found = shutil.which(name, path=f"{UNPACKED}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"no {name}; './dev test' unpacks Debian's prometheus package for it")
    return found


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def shipped_expressions():
    """Every expression of rules and dashboard, as Grafana and Prometheus would ask it."""
    rules = re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)
    assert len(rules) > 10
    dashboard = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [each["expr"] for each in dashboard["annotations"]["list"]]
    assert len(asked) > 20
    for variable, value in {"$job": "sc-pool", "$instance": ".+", "$__rate_interval": "1m"}.items():
        asked = [expression.replace(variable, value) for expression in asked]
    assert "$" not in "".join(asked)
    return rules + asked


@pytest.fixture(scope="module")
def metrics(pool):
    return fetch(pool.status()["api_url"] + "/metrics")


def test_the_metrics_are_well_formed(metrics):
    checked = subprocess.run([program("promtool"), "check", "metrics"], input=metrics,
                             capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and not checked.stderr, checked.stderr + checked.stdout
    samples = [line for line in metrics.splitlines() if not line.startswith("#")]
    names = [line.rpartition(" ")[0] for line in samples]
    assert len(names) == len(set(names)) > 80
    assert "sc_pool_ready 3" in samples


def test_the_server_and_a_worker_export_well_formed_metrics(pool):
    worker = pool.workers()[0]
    text = subprocess.run(["curl", "-s", "--unix-socket", worker["api_socket"], "http://worker/metrics"],
                          capture_output=True, text=True, timeout=60).stdout
    assert "sauce_connect_ready 1" in text
    checked = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True,
                             text=True, timeout=60)
    # The vendor's names are kept as they are, also where the linter would have chosen others (3).
    assert checked.returncode in (0, 3), checked.stderr


def test_the_rules_are_valid_and_fire(tmp_path):
    promtool = program("promtool")
    checked = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    labels = 'instance="a:8032", job="sc-pool"'
    series = {
        f"up{{{labels}}}": "0x40", f"sc_pool_size{{{labels}}}": "3x40", f"sc_pool_ready{{{labels}}}": "0x40",
        f"sc_pool_minimum_ready{{{labels}}}": "3x40", f"sc_pool_shutting_down{{{labels}}}": "0x40",
        f'sc_pool_slot_state{{slot="1", state="failed", {labels}}}': "1x40",
        f'sc_pool_restarts_total{{cause="crash", {labels}}}': "0+1x40",
        f'sc_pool_restarts_total{{cause="asked", {labels}}}': "0+9x40",
        f'sc_pool_rollout_state{{state="paused", {labels}}}': "1x40",
        f'sc_pool_worker_age_seconds{{role="serving", slot="2", {labels}}}': "20000x40",
        f'sc_pool_worker_age_seconds{{role="serving", slot="0", {labels}}}': "9000x40",
        f"sc_pool_worker_max_age_seconds{{{labels}}}": "10000x40",
        f"process_start_time_seconds{{{labels}}}": "5x20 90x20",
        f'sc_pool_worker_suspect_connections{{role="serving", slot="2", {labels}}}': "1x40",
        f"sc_pool_rest_stale{{{labels}}}": "1x40", f"sc_pool_network_suspected{{{labels}}}": "1x40",
    }
    fires = {"ScPoolDown": "", "ScPoolEmpty": "", "ScPoolBelowSize": "", "ScPoolRestUnreachable": "",
             "ScPoolSlotFailed": 'slot="1", state="failed"', "ScPoolWorkerFlapping": 'cause="crash"',
             "ScPoolRolloutPaused": 'state="paused"', "ScPoolMaxAgeExceeded": 'role="serving", slot="2"',
             "ScPoolSupervisorRestarted": "", "ScPoolTunnelConnectionSuspect": 'slot="2"',
             "ScPoolNetworkSuspected": ""}
    query = " or ".join(f'count by (alertname) (ALERTS{{alertname="{name}", alertstate="firing"'
                        f'{", " + extra if extra else ""}}})' for name, extra in fires.items())
    everything = 'count by (alertname) (ALERTS{alertstate="firing"})'
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in fires]
    (tmp_path / "rules_test.yml").write_text(json.dumps({
        "rule_files": [str(RULES)], "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": [{"series": key, "values": value}
                                                      for key, value in series.items()],
                   "promql_expr_test": [{"expr": each, "eval_time": "30m", "exp_samples": expected}
                                        for each in (query, everything)]}]}))
    fired = subprocess.run([promtool, "test", "rules", tmp_path / "rules_test.yml"], capture_output=True,
                           text=True, timeout=60)
    assert fired.returncode == 0, fired.stdout + fired.stderr


@pytest.fixture
def prometheus(pool, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    example = (ROOT / "configs/prometheus/prometheus.yml").read_text()
    assert "sc-pool.rules.yml" in example and "127.0.0.1:8032" in example
    target = pool.status()["api_url"].removeprefix("http://")
    (tmp_path / "prometheus.yml").write_text(
        example.replace("sc-pool.rules.yml", str(RULES)).replace("127.0.0.1:8032", target)
        .replace("15s", "1s"))
    process = subprocess.Popen(
        [program("prometheus"), f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"],
        stderr=(tmp_path / "prometheus.log").open("wb"))

    def ask(path, **parameters):
        try:
            answer = fetch(f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        except OSError as error:
            body = error.read().decode() if hasattr(error, "read") else ""
            assert not body.startswith("{"), f"{parameters}: {body}"  # plain while it starts
            assert process.poll() is None, (tmp_path / "prometheus.log").read_text()
            return None
        return json.loads(answer)["data"]

    yield ask
    process.terminate()
    process.wait()


def test_prometheus_scrapes_the_pool_and_answers_all_that_we_ask(prometheus):
    wait_for(lambda: (prometheus("query", query='up{job="sc-pool"} == 1') or {"result": []})["result"],
             "a successful scrape")
    ready = prometheus("query", query="sc_pool_ready")["result"]
    assert [sample["value"][1] for sample in ready] == ["3"]
    known = set(prometheus("label/__name__/values"))
    for expression in shipped_expressions():
        used = set(re.findall(r"\b(?:sc_pool|process)_[a-z_]+", expression))
        assert used <= known, f"not exported: {used - known} in {expression}"
        assert prometheus("query", query=expression)["resultType"] in ("vector", "scalar")
    rules = wait_for(lambda: [rule for group in (prometheus("rules") or {"groups": []})["groups"]
                              for rule in group["rules"] if rule["health"] != "unknown"], "evaluated rules")
    assert all(rule["health"] == "ok" for rule in rules), [rule.get("lastError") for rule in rules]
    firing = prometheus("query", query='ALERTS{alertstate="firing"}')["result"]
    assert firing == []
