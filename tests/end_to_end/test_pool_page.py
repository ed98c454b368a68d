"""The live page of a pool in a real browser: what it shows while things happen, how it looks to
somebody with a phone, without JavaScript, and when the supervisor is gone."""

import os
import re
import signal
import urllib.request

import pytest

from browser import Browser
from pool import wait_for

CONFIG = """
[pool]
min_ready_time = "500ms"
"""


@pytest.fixture(scope="module")
def browser():
    started = Browser()
    try:
        yield started
    finally:
        started.close()


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.headers, answer.read().decode()


def states(browser):
    """The state of each row, by the worker's name or the vacant slot's."""
    return browser.script("return Object.fromEntries([...document.querySelectorAll('tbody tr')]"
                          ".map(row => [row.id, row.querySelector('.badge').textContent]))")


def contrast_problems(browser):
    """Texts whose contrast with what is behind them is below 4.5 (WCAG AA)."""
    return browser.script("""
      const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
      const paint = (colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
      };
      const luminance = (rgb) => rgb.map(v => v / 255)
        .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
      const problems = [];
      for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some(n => n.nodeType === 3 && n.nodeValue.trim());
        if (!own || !element.checkVisibility() || element.closest('script,style,noscript')) continue;
        const behind = [];
        for (let at = element; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
        const back = paint(['white', ...behind]);
        const front = paint(['white', ...behind, getComputedStyle(element).color]);
        const [a, b] = [luminance(back), luminance(front)].sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5) problems.push(element.textContent.slice(0, 40));
      }
      return problems;""")


def test_the_page_shows_a_rolling_restart_and_a_crash_as_they_happen(own_pool, browser, tmp_path):
    own_pool.config.write_text(CONFIG)
    own_pool.start()
    url = own_pool.status()["api_url"]
    browser.open(url + "/")
    assert browser.wait_for_title("3 of 3 ready").startswith("3 of 3 ready")
    # Every state that the page itself has shown, noted in the page.
    browser.script("""
      window.shown = new Set();
      const note = () => {
        for (const badge of document.querySelectorAll('.badge')) window.shown.add(badge.textContent);
        if (document.querySelector('#rollout progress')) window.shown.add('progress');
      };
      note();
      new MutationObserver(note).observe(document.querySelector('main'),
        {childList: true, subtree: true, characterData: true, attributes: true});""")
    before = set(states(browser))
    assert own_pool.verb("restart", "--rolling", "--wait", "--timeout", "2m").returncode == 0
    wait_for(lambda: not before & set(states(browser)), "three new rows")
    assert {"ready", "starting", "progress"} <= set(browser.script("return [...window.shown]"))
    assert "Last rollout: 3 of 3 replaced" in browser.text()
    assert "Lowest ready count 3 · 0.0 worker-seconds lost" in browser.text()

    wait_for(lambda: own_pool.status()["ready"] == 3, "three ready workers")
    # Killed often enough, a slot waits before its next start, and comes back by itself.
    for _ in range(4):
        victim = wait_for(lambda: next((each for each in own_pool.workers()
                                        if each["slot"] == 1 and each["pid"]), None), "a worker in slot 1")
        os.kill(victim["pid"], signal.SIGKILL)
        wait_for(lambda: all(each["pid"] != victim["pid"] for each in own_pool.workers()), "its end")
    wait_for(lambda: "backoff" in browser.script("return [...window.shown]"), "a slot in backoff")
    browser.picture_of_all(tmp_path / "after-crash.png")
    assert browser.wait_for_title("3 of 3 ready", seconds=120).startswith("3 of 3 ready")
    assert "SIGKILL" in browser.text() or "signal 9" in browser.text()


def test_the_page_says_when_it_is_stale_and_comes_back_by_itself(own_pool, browser):
    own_pool.arguments = ["--api-address", "127.0.0.1:0"]
    own_pool.start()
    url = own_pool.status()["api_url"]
    browser.open(url + "/")
    browser.wait_for_title("3 of 3 ready")
    os.kill(own_pool.process.pid, signal.SIGKILL)
    own_pool.process.wait()
    assert browser.wait_for_title("(stale)").startswith("(stale)")
    assert "No answer from the server since" in browser.text()
    own_pool.arguments = ["--api-address", url.removeprefix("http://")]
    own_pool.start()
    assert browser.wait_for_title("3 of 3 ready", seconds=120).startswith("3 of 3 ready")
    assert "No answer" not in browser.text()


def test_without_javascript_the_page_is_whole(pool, browser):
    url = pool.status()["api_url"]
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(url + "/")
        title = browser.title()
        elements = browser._call("POST", "/elements", {"using": "css selector", "value": "tbody tr"})
        refresh = browser._call("POST", "/elements", {"using": "css selector",
                                                      "value": "meta[http-equiv=refresh]"})
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
    assert title.startswith("3 of 3 ready")
    assert len(elements) == 3
    assert len(refresh) == 1


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_only_its_own_script(pool, browser):
    url = pool.status()["api_url"]
    headers, text = fetch_as_browser(url)
    policy = headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy).group(1)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert text.count(f'nonce="{nonce}"') == 2
    assert nonce not in fetch_as_browser(url)[1]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    browser.open(url + "/")
    browser.wait_for_title("3 of 3 ready")
    assert browser.script("""
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.body.append(script);
      return window.injected === undefined;""")
    sources = browser.script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert all(each.startswith(url) for each in sources), sources


def fetch_as_browser(url):
    request = urllib.request.Request(url + "/", headers={"Accept": "text/html"})
    return fetch(request)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_can_be_read(pool, browser, width, dark, tmp_path):
    browser.look_like(width, 800, dark)
    browser.open(pool.status()["api_url"] + "/")
    browser.wait_for_title("3 of 3 ready")
    browser.picture_of_all(tmp_path / "page.png")
    print("screenshot:", tmp_path / "page.png")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    assert contrast_problems(browser) == []


def test_the_servers_tunnels_page_is_kept_up_to_date(own_pool, tmp_path):
    own_pool.start()
    scheme, _, address = own_pool.local["rest_url"].removesuffix("/rest/v1").partition("://")
    url = f"{scheme}://{own_pool.local['user']}:{own_pool.access_key}@{address}/"
    browser = Browser(flags=["--ignore-certificate-errors"])
    try:
        for width, dark in ((1280, False), (360, True)):
            browser.look_like(width, 800, dark)
            browser.open(url)
            assert browser.wait_for_title("3 tunnels running").startswith("3 tunnels running")
            assert browser.script("return document.documentElement.scrollWidth") <= width
            assert contrast_problems(browser) == []
            browser.picture_of_all(tmp_path / f"tunnels-{width}.png")
        assert "3 of 3 ready" in browser.text()
        assert own_pool.verb("scale", "2", "--wait").returncode == 0
        assert browser.wait_for_title("2 tunnels running").startswith("2 tunnels running")
        wait_for(lambda: "Ended" in browser.text(), "the ended tunnel")
        assert own_pool.stop() == 0
        assert browser.wait_for_title("(stale)").startswith("(stale)")
    finally:
        browser.close()
