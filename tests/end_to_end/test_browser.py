"""A real browser through the pool."""

import threading

from browser import Browser
from clients import get


def test_chromium_loads_a_page_and_a_websocket(pool, site, tmp_path_factory):
    url = site.url.replace("localhost", "127.0.0.1")
    host, port = pool.open_ingress
    other_job = threading.Event()
    other = {"done": 0, "bad": 0}

    def keep_asking():
        credential = pool.credential(job="beside-the-browser")
        while not other_job.is_set():
            status, _, body = get(pool.ingress, f"{url}/bytes/5000", credential)
            other["done" if (status, len(body)) == (200, 5000) else "bad"] += 1

    thread = threading.Thread(target=keep_asking)
    thread.start()
    browser = Browser(f"http://{host}:{port}")
    try:
        browser.open(f"{url}/page?name=Through+the+pool")
        title = browser.wait_for_title("done")
        picture = tmp_path_factory.getbasetemp() / "page.png"
        browser.screenshot(picture)
        print("screenshot:", picture)
        text = browser.text()
    finally:
        browser.close()
        other_job.set()
        thread.join()
    assert title == "done 100/0/50"
    assert "100 assets, 0 wrong" in text
    assert "50 messages echoed in order" in text
    assert other["bad"] == 0
    assert other["done"] > 0
