"""The page in a real browser: Chromium, where it and the group ``browser`` are installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .places import Place, until

playwright = pytest.importorskip("playwright.sync_api", reason="the group browser is not installed")
axe = pytest.importorskip("axe_playwright_python", reason="the group browser is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
]

AXE = next(Path(axe.__file__).parent.glob("axe*.js"))

# A command that says what it does, until it is told to go on.
SCRIPT = """
trap 'echo "ended by TERM"; exit 1' TERM
i=0; while [ ! -e "go-$1" ]; do i=$((i + 1)); echo "step $i of $1"; sleep 0.1; done; echo "the end"
"""


class Window:
    """A window of a browser, and what went wrong in it."""

    def __init__(self, page: Any, place: Place) -> None:
        self.page = page
        self.place = place
        self.problems: list[str] = []
        page.set_default_timeout(60_000)
        page.on("console", self._note_message)
        page.on("request", self._note_request)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _note_message(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith(self.place.url):
            self.problems.append(f"a request to {request.url}")

    def go(self, path: str) -> None:
        self.page.goto(self.place.url + path)

    def log_in(self) -> None:
        self.go("/login")
        self.page.fill("#token", self.place.secrets["GOCHAN_TOKEN"])
        self.page.click("main button")
        self.page.wait_for_url(f"{self.place.url}/")

    def sees(self, text: str, where: str = "main") -> None:
        """Wait until a text is there; nothing is loaded again by us."""
        self.page.locator(where, has_text=text).first.wait_for()

    def findings(self) -> list[str]:
        """What axe says of the page as it is now."""
        self.page.evaluate(AXE.read_text())
        return [one["id"] for one in self.page.evaluate("axe.run()")["violations"]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Any, place: Place) -> Iterator[Window]:
    context = chromium.new_context()
    window = Window(context.new_page(), place)
    yield window
    context.close()
    assert window.problems == []


def test_a_job_is_watched_live_and_cancelled(window: Window, place: Place) -> None:
    """Its log grows, its process gets its TERM, and the page says so, without a reload."""
    place.agent("--capacity", "2", "--", "sh", "-c", SCRIPT, "sh")
    window.log_in()
    window.sees("There are no jobs yet")
    place.submit("one")
    window.sees("running")
    window.page.click("#job-1")
    window.sees("step 3 of one", "#log")
    window.page.fill("#reason", "seen enough")
    window.page.click("#cancel")
    window.sees("cancelled", "h1")
    window.sees("ended by TERM", "#log")
    window.sees("seen enough")
    window.page.click("#retry")
    window.sees("running", "h1")
    (place.folder / "go-one").touch()
    window.sees("done", "h1")
    window.sees("the end", "#log")


def test_jobs_are_filtered_and_a_queue_is_paused(window: Window, place: Place) -> None:
    """By keyboard alone."""
    for n in range(3):
        place.submit(n)
    window.log_in()
    window.go("/queues")
    window.page.focus("#pause-1")
    window.page.keyboard.press("Enter")
    window.sees("paused")
    place.agent("--", "true")
    window.go("/agents")
    window.page.focus("#drain-1")
    window.page.keyboard.press("Enter")
    window.sees("draining")
    window.go("/")
    window.page.select_option("#state", "done")
    window.page.focus("#state")
    window.page.keyboard.press("Tab")
    window.page.keyboard.press("Enter")
    window.sees("There is no such job")
    window.page.select_option("#state", "waiting")
    window.page.click("text=Show")
    assert window.page.locator("tbody tr").count() == 3
    window.page.click("text=Log out")
    window.page.wait_for_url(f"{place.url}/login")


def test_without_scripts_everything_works_but_the_live_updates(chromium: Any, place: Place) -> None:
    """Forms are forms: filters, buttons, logging in and out."""
    context = chromium.new_context(java_script_enabled=False)
    window = Window(context.new_page(), place)
    window.log_in()
    place.submit("one")
    window.go("/jobs/1")
    window.page.fill("#reason", "by hand")
    window.page.click("#cancel")
    window.sees("cancelled", "h1")
    window.page.click("#retry")
    window.sees("waiting", "h1")
    place.agent("--", "echo", "hello")
    until(lambda: place.state(1) == "done", "the end")
    window.go("/jobs/1")
    window.sees("hello", "#log")
    window.go("/agents")
    window.page.click("#drain-1")
    window.sees("draining")
    window.go("/queues")
    window.page.click("#pause-1")
    window.sees("paused")
    window.go("/")
    window.page.select_option("#state", "failed")
    window.page.click("text=Show")
    window.sees("There is no such job")
    window.page.click("text=Log out")
    window.page.wait_for_url(f"{place.url}/login")
    context.close()
    assert window.problems == []


def test_what_is_typed_stays_while_the_page_is_kept_up_to_date(
    window: Window, place: Place
) -> None:
    """Only the parts that have changed are replaced."""
    place.submit("one")
    window.log_in()
    window.page.select_option("#state", "done")
    place.submit("two")
    window.sees("two")
    assert window.page.input_value("#state") == "done"
    window.go("/jobs/1")
    window.page.fill("#reason", "half a sen")
    agent = place.agent("--", "sh", "-c", "while [ ! -e go ]; do sleep 0.1; done")
    window.sees("running", "h1")
    window.sees("It runs on")
    window.page.keyboard.type("tence")
    assert window.page.input_value("#reason") == "half a sentence"
    (place.folder / "go").touch()
    window.sees("done", "h1")
    agent.end()


def test_a_page_is_left_when_its_session_is_over(window: Window, place: Place) -> None:
    """Also if that was the deed of another window."""
    place.submit("one")
    window.log_in()
    window.sees("live", "#live")
    other = window.page.context.new_page()
    other.goto(place.url)
    other.click("text=Log out")
    place.submit("two")
    window.page.wait_for_url(f"{place.url}/login")


RIGHTMOST = (
    "Math.max(...[...document.querySelectorAll('main button, main select')].map("
    "one => one.getBoundingClientRect().right))"
)


@pytest.mark.parametrize("width", [360, 768])
@pytest.mark.parametrize("path", ["/", "/queues", "/agents"])
def test_nothing_is_out_of_sight_on_a_small_screen(
    chromium: Any, place: Place, path: str, width: int
) -> None:
    """A row of a table is a card on a telephone, with its button; on a tablet, it is narrower."""
    context = chromium.new_context(viewport={"width": width, "height": 700})
    window = Window(context.new_page(), place)
    place.submit("a/long/path/to/some/picture/of/someone.png")
    place.post("jobs", {"queue": "a-queue-with-a-rather-long-name", "payload": 1})
    agent = place.agent("--label", "zone=vienna", "--machine", "studio", "--", "true")
    window.log_in()
    window.go(path)
    region = "document.querySelector('.scroll')"
    assert window.page.evaluate(f"{region}.scrollWidth - {region}.clientWidth") == 0
    inside = "document.querySelector('main').getBoundingClientRect().right - 16"
    assert window.page.evaluate(RIGHTMOST) <= window.page.evaluate(inside)
    agent.end()
    context.close()
    assert window.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_every_page_can_be_used_by_everybody(
    chromium: Any, place: Place, scheme: str, width: int
) -> None:
    """No finding of axe, and nothing wider than the window."""
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    window = Window(context.new_page(), place)
    window.go("/login")
    assert window.findings() == []
    window.log_in()
    assert window.findings() == []
    agent = place.agent("--", "sh", "-c", "echo some log; test \"$1\" != 'bad one'", "sh")
    place.submit("good " * 50)
    place.submit("bad one")
    until(lambda: place.state(1) == "done", "the end")
    for path in ("/", "/jobs/1", "/jobs/2", "/queues", "/agents", "/people", "/jobs/99"):
        window.go(path)
        assert window.findings() == [], path
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width
    agent.end()
    context.close()
    problems = [one for one in window.problems if "404" not in one]  # which one page is
    assert problems == []


def test_a_long_log_and_many_jobs_stay_usable(window: Window, place: Place) -> None:
    """A log of 100,000 lines that grows, and 10,000 jobs."""
    place.agent("--", "sh", "-c", "seq 100000; while [ ! -e go ]; do sleep 0.1; done; echo last")
    place.submit("log")
    window.log_in()
    window.go("/jobs/1")
    window.sees("99999", "#log")
    (place.folder / "go").touch()
    window.sees("last", "#log")
    jobs = [{"queue": "other", "payload": n} for n in range(10_000)]
    place.post("jobs", {"jobs": jobs})
    window.go("/?queue=other")
    assert window.page.locator("tbody tr").count() == 50
    window.page.click("text=Older")
    window.sees(str(10_001 - 50))


def test_what_a_job_writes_is_text(window: Window, place: Place) -> None:
    """In the log, in names, and in payloads; no script of theirs runs."""
    nasty = "<img src=x onerror=document.title='taken'>"
    place.agent("--", "printf", r"\033]0;title\007%s\n")
    place.submit(nasty)
    window.log_in()
    window.go("/jobs/1")
    window.sees("done", "h1")
    window.sees(nasty, "#log")
    assert re.match("Job 1", window.page.title())
    window.go("/")
    window.sees(nasty)
