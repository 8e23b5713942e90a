"""What jobs print: how fast it goes to who follows it, and how soon it is in the page."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from typing import Any

import httpx

from ._fleet import Figures, Fleet, open_fleet
from ._latencies import latencies

_LINES = "yes 'a line of a log, which is about as long as such lines are' | head -c"
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# Comes true as soon as a text is at the end of the log.
_SEEN = """text => new Promise((done) => {
    const log = document.getElementById("log");
    const look = () => log.lastChild?.data?.includes(text) ? done() : requestAnimationFrame(look);
    look();
})"""


def through(megabytes: int) -> Figures:
    """Have a job print; return how fast that comes to who follows its log."""
    size = megabytes * 1_000_000
    with open_fleet() as fleet:
        go = _run(fleet, f"read go < go; {_LINES} {size}")
        headers = {"authorization": f"Bearer {fleet.place.secrets['GOCHAN_TOKEN']}"}
        url = f"{fleet.url}/api/v1/jobs/1/log?follow=1"
        heard = 0
        with httpx.stream("GET", url, headers=headers, trust_env=False, timeout=60) as answer:
            begun = time.perf_counter()
            with open(go, "w") as pipe:
                pipe.write("go\n")
            for data in answer.iter_raw():
                heard += len(data)
            passed = time.perf_counter() - begun
        assert heard == size, f"{heard} bytes of {size}"
        return {"MB/s": size / passed / 1e6}


def no_browser() -> str:
    """Say what is not installed; nothing if all is there."""
    if _CHROMIUM is None:
        return "no chromium"
    return "" if importlib.util.find_spec("playwright") else "the group browser is not installed"


def page(lines: int, n: int) -> Figures:
    """Print a line to a long log now and then; return how late each is in the page."""
    from playwright.sync_api import sync_playwright

    with open_fleet() as fleet, sync_playwright() as driver:
        go = _run(fleet, f"cat go; seq {lines}; cat go")
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=_CHROMIUM, args=arguments)
        window = browser.new_page()
        _log_in(window, fleet)
        window.goto(f"{fleet.url}/jobs/1")
        open(go, "w").close()
        window.evaluate(_SEEN, f"\n{lines}\n")
        late = []
        with open(go, "w", buffering=1) as pipe:
            for number in range(n):
                time.sleep(0.05 + number * 0.37 % 0.3)
                begun = time.perf_counter()
                pipe.write(f"line {number} of those\n")
                window.evaluate(_SEEN, f"line {number} of those\n")
                late.append(time.perf_counter() - begun)
        browser.close()
    return latencies(late)


def _log_in(window: Any, fleet: Fleet) -> None:
    window.goto(f"{fleet.url}/login")
    window.fill("#token", fleet.place.secrets["GOCHAN_TOKEN"])
    window.click("main button")
    window.wait_for_url(f"{fleet.url}/")


def _run(fleet: Fleet, script: str) -> str:
    """Have a job run a script, in whose folder is a pipe called ``go``; return where that is."""
    go = str(fleet.place.folder / "go")
    os.mkfifo(go)
    fleet.place.agent("--", "sh", "-c", script, "sh")
    fleet.place.submit("a log")
    while fleet.place.state(1) != "running":
        time.sleep(0.05)
    return go
