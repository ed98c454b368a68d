"""A headless Chromium driven over the WebDriver protocol (W3C), without a client library."""

import base64
import json
import subprocess
import tempfile
import time
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--window-size=900,700"]
# Browsers send loopback past a proxy unless told otherwise; the vendor's own hosts stay outside.
BYPASS = "<-loopback>;*.google.com;*.googleapis.com;*.gvt1.com"


class Browser:
    def __init__(self, proxy=None, flags=()):
        """`proxy`: everything goes through it, loopback too; None: nothing goes through any."""
        self.directory = tempfile.TemporaryDirectory(prefix="sc-pool-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        port = None
        while port is None:
            line = self.driver.stdout.readline()
            assert line, "chromedriver ended before it listened"
            if "was started successfully on port" in line:
                port = int(line.rstrip(".\n").split()[-1])
        self.base = f"http://127.0.0.1:{port}/session"
        way = [f"--proxy-server={proxy}", f"--proxy-bypass-list={BYPASS}"] if proxy else ["--no-proxy-server"]
        arguments = [*FLAGS, f"--user-data-dir={self.directory.name}", *way, *flags]
        capabilities = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
        session = self._call("POST", "", {"capabilities": capabilities})["sessionId"]
        self.base += f"/{session}"

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"},
                                         method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def title(self):
        return self._call("GET", "/title")

    def script(self, source, *arguments):
        return self._call("POST", "/execute/sync", {"script": source, "args": list(arguments)})

    def text(self):
        return self.script("return document.body.innerText")

    def command(self, name, **parameters):
        """One command of the DevTools protocol."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def look_like(self, width, height, dark=False):
        """The size of the window, and whether its user prefers dark colours."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=width < 600)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture_of_all(self, path):
        """A screenshot of the whole page, however long."""
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        answer = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        path.write_bytes(base64.b64decode(answer["data"]))

    def wait_for_title(self, expected, seconds=60):
        """Returns the title once it starts with `expected`, or the last one seen when time is up."""
        deadline = time.monotonic() + seconds
        while not (title := self.title()).startswith(expected) and time.monotonic() < deadline:
            time.sleep(0.1)
        return title

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._call("GET", "/screenshot")))

    def close(self):
        self._call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()
        self.directory.cleanup()
