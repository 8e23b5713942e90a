"""Plugins of third parties, as their authors and users meet them.

Here distributions are built, and installed into a fresh environment; the rest of the tests do
with folders that look as if somebody had. And the pages on how to write a plugin and how to
publish it are done as they say.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
FAKES = ROOT / "tests" / "plugins" / "fake_plugins"
PAGE = ROOT / "docs" / "how-to" / "write-a-plugin.md"
PUBLISHING = PAGE.with_name("publish-a-plugin.md")
TEMPLATE = ROOT / "plugins" / "gochan-drop-oldest"

UV = os.environ.get("UV") or shutil.which("uv")

pytestmark = [
    pytest.mark.skipif(UV is None, reason="builds and installs with uv"),
    pytest.mark.skipif(not TEMPLATE.exists(), reason="a source distribution has no plugins"),
]

BROKEN = ("import_error", "misspelt_hook", "hook_exits", "wrong_api", "exits")


def run(
    *command: object, folder: Path | None = None, status: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment, and see that it ends as it should."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VIRTUAL_ENV", "PYTHON", "PYTEST", "COV", "GOCHAN_"))
        and name not in {"UV_PROJECT_ENVIRONMENT", "UV"}
    }
    ended = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**kept, "PYTHONWARNINGS": "default", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == status, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended


def uv(*arguments: object, **options: Any) -> None:
    """Run uv with what it has in its cache, or else, where that is not enough, with the network."""
    try:
        run(UV, "--offline", *arguments, **options)
    except AssertionError:
        run(UV, *arguments, **options)


def uv_run(
    folder: Path, wheels: Path, script: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a script with "uv run" in it, for which gochan is as good as published."""
    options |= {"folder": folder, "UV_PYTHON": sys.executable, "UV_FIND_LINKS": str(wheels)}
    try:
        return run("sh", "-euc", script, UV_OFFLINE="1", **options)
    except AssertionError:
        return run("sh", "-euc", script, **options)


# An environment with nothing but gochan, and what it needs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("third-party")


@pytest.fixture(scope="module")
def wheels(folder: Path) -> Path:
    """Build gochan, as it is released; return the folder, of which uv has nothing in its cache."""
    wheels = Path(tempfile.mkdtemp(dir=folder))
    uv("build", "--quiet", "--wheel", "--out-dir", wheels, ROOT)
    return wheels


@pytest.fixture(scope="module")
def environment(folder: Path, wheels: Path) -> Path:
    """Install gochan into an environment of its own; return where its programs are."""
    place = folder / "environment"
    uv("venv", "--quiet", "--python", sys.executable, place)
    # The versions that are here are those that uv has in its cache.
    here = {one.metadata["Name"]: one.version for one in distributions()}
    exactly = folder / "exactly.txt"
    exactly.write_text(
        "".join(f"{name}=={number}\n" for name, number in here.items() if "gochan" not in name)
    )
    (wheel,) = wheels.glob("trio_gochan-*.whl")
    install(place, f"trio-gochan[cli] @ {wheel.as_uri()}", "--constraints", exactly)
    return place / ("Scripts" if os.name == "nt" else "bin")


def install(place: Path, *what: object) -> None:
    uv("pip", "install", "--quiet", "--python", place, *what)


def uninstall(place: Path, *names: str) -> None:
    uv("pip", "uninstall", "--quiet", "--python", place, *names)


@pytest.fixture(scope="module")
def renamed(folder: Path) -> Path:
    """Do what the page says, as far as the name; return the new folder."""
    work = folder / "authors"
    work.mkdir()
    (work / "gochan").symlink_to(ROOT)
    copying, renaming, *_ = blocks("sh")
    shell = copying + renaming
    run("sh", "-euc", shell, folder=work)
    return work / "gochan-drop-newest"


@pytest.fixture(scope="module")
def written(renamed: Path, folder: Path) -> Path:
    """Do what the page says next: replace the class by one of your own."""
    copy = folder / renamed.name
    shutil.copytree(renamed, copy, ignore=shutil.ignore_patterns(".*", "uv.lock"))
    (module,) = copy.glob("gochan_*/__init__.py")
    before, _, rest = module.read_text().partition("@final\n")
    _, _, after = rest.partition("\n\n@hookimpl")
    mine = blocks("python")[0].partition("@final\n")[2].partition("\n\nchannel = ")[0]
    module.write_text(f"{before}@final\n{mine}\n\n@hookimpl{after}")
    return copy


@pytest.fixture(scope="module")
def third_party(written: Path, environment: Path) -> Iterator[Path]:
    """Build the plugin of the page, and install it beside gochan."""
    uv("build", "--quiet", folder=written)
    (wheel,) = (written / "dist").glob("*.whl")
    install(environment.parent, wheel)
    yield environment
    uninstall(environment.parent, "gochan-drop-newest")


def blocks(language: str, page: Path = PAGE) -> list[str]:
    """Return the blocks of the page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def pack(fake: Path, wheels: Path) -> Path:
    """Make a wheel of a fake plugin."""
    (information,) = fake.glob("*.dist-info")
    files = {
        str(path.relative_to(fake)): path.read_bytes()
        for path in fake.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    files[f"{information.name}/WHEEL"] = b"Wheel-Version: 1.0\nTag: py3-none-any\n"
    wheel = wheels / f"{information.stem}-py3-none-any.whl"
    record = ""
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
            record += f"{name},sha256={digest.rstrip('=')},{len(content)}\n"
        archive.writestr(f"{information.name}/RECORD", f"{record}{information.name}/RECORD,,\n")
    return wheel


# The users of a plugin

USES = """
import gochan, trio
from trio.testing import MockClock, wait_all_tasks_blocked

async def handle(number):
    await trio.sleep(1)
    return number

async def main():
    strategy = gochan.strategy("drop-newest", capacity=2)
    channel = gochan.Chan(strategy=strategy, on_drop=lambda *drop: print("dropped:", *drop))
    for number in range(5):
        channel.send_nowait(number)
    print(channel.drain())
    async with gochan.open_job_queue(handle, workers=1, strategy="drop-newest(2)") as queue:
        await wait_all_tasks_blocked()
        jobs = [queue.submit_nowait(number) for number in range(5)]
    print([job.outcome.kind for job in jobs])
    queue.audit()

trio.run(main, clock=MockClock(autojump_threshold=0))
"""


def test_a_plugin_is_used_by_name_once_it_is_installed(third_party: Path) -> None:
    """In a channel and in a job queue, from a distribution that gochan has never heard of."""
    ended = run(third_party / "python", "-W", "error", "-c", USES)
    assert ended.stderr == ""
    assert ended.stdout == (
        "dropped: 1 newest\ndropped: 2 newest\ndropped: 3 newest\n[0, 4]\n"
        "['done', 'done', 'dropped', 'dropped', 'done']\n"
    )


def test_an_installed_plugin_is_listed(third_party: Path) -> None:
    """With its distribution; the strategy with its options and its description."""
    _, row = json.loads(run(third_party / "gochan", "plugins", "--json").stdout)
    assert row == {
        "name": "drop-newest",
        "distribution": "gochan-drop-newest",
        "version": "0.1.0",
        "status": "active",
        "strategies": ["drop-newest"],
        "commands": [],
        "stores": [],
        "directories": [],
        "providers": [],
        "problem": "",
    }
    text = run(third_party / "gochan", "plugins", "drop-newest").stdout
    assert text.startswith("drop-newest(capacity)\n")
    assert "while it is full, drop the one that came before for it." in text


def test_the_command_line_takes_an_installed_strategy(third_party: Path) -> None:
    """By its name, here with an option."""
    command = [third_party / "gochan", "run", "--strategy", "drop-newest(3)", "--", "echo"]
    assert run("sh", "-c", 'echo one | "$@"', "sh", *command).stdout == "one\n"


def test_a_plugin_that_is_gone_is_an_unknown_name(
    written: Path, third_party: Path, environment: Path
) -> None:
    """The error lists the names that exist."""
    uninstall(environment.parent, "gochan-drop-newest")
    try:
        ended = run(environment / "python", "-c", USES, status=1)
        assert (
            "UnknownStrategyError: there is no strategy named 'drop-newest'; known are: "
            "block, drop-on-full, priority-cancel." in ended.stderr
        )
        command = ["gochan", "run", "--strategy", "drop-newest", "--", "echo"]
        ended = run(environment / command[0], *command[1:], status=2)
        (line,) = ended.stderr.splitlines()
        assert line.startswith("gochan: Invalid value for --strategy: there is no strategy named")
    finally:
        install(environment.parent, next((written / "dist").glob("*.whl")))


def test_broken_distributions_beside_a_good_one_harm_nobody(
    third_party: Path, environment: Path, folder: Path
) -> None:
    """The good one works; each broken one is listed with its problem, and warned about."""
    names = [f"gochan-{fake.replace('_', '-')}" for fake in BROKEN]
    packed = [pack(FAKES / fake, folder) for fake in BROKEN]
    install(environment.parent, "--no-deps", *packed)
    # No installer accepts this, but disks and people do such things afterwards.
    (damaged,) = environment.parent.rglob("gochan_exits-0.3.dist-info/entry_points.txt")
    damaged.write_text("[gochan]\nrubbish\n")
    try:
        ended = run(third_party / "python", "-c", USES)
        assert "\n[0, 4]\n" in ended.stdout
        for name in names:
            told = [line for line in ended.stderr.splitlines() if f"({name} 0.3)" in line]
            (warning,) = {line.partition("PluginWarning: ")[2] for line in told}
            assert " is broken and was skipped: " in warning
            assert "Fix, update or uninstall it, or set GOCHAN_BLOCK_PLUGINS=" in warning
        rows = json.loads(run(third_party / "gochan", "plugins", "--json", status=1).stdout)
        problems = {row["distribution"]: row["problem"] for row in rows if row["problem"]}
        assert sorted(problems) == sorted(names)
        assert "No module named 'a_module_that_nobody_has'" in problems["gochan-import-error"]
        blocked = run(
            third_party / "gochan", "plugins", "--json", GOCHAN_BLOCK_PLUGINS=",".join(names)
        )
        statuses = {row["distribution"]: row["status"] for row in json.loads(blocked.stdout)}
        assert {statuses.pop(name) for name in names} == {"blocked"}
        assert {*statuses.values()} == {"active"}
    finally:
        uninstall(environment.parent, *names)


# Their authors


def test_a_wheel_has_what_a_plugin_needs(third_party: Path, written: Path) -> None:
    """The module, the mark for type checkers, the entry point; and no tests."""
    (wheel,) = (written / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {*archive.namelist()}
        information = "gochan_drop_newest-0.1.0.dist-info"
        entries = archive.read(f"{information}/entry_points.txt").decode()
    assert {"gochan_drop_newest/__init__.py", "gochan_drop_newest/py.typed"} <= names
    assert not any("test" in name for name in names)
    assert entries.split() == ["[gochan]", "drop-newest", "=", "gochan_drop_newest"]


def test_the_page_leaves_no_trace_of_the_template(renamed: Path) -> None:
    """A reader who follows it has a plugin of their own."""
    left = [
        path
        for path in renamed.rglob("*")
        if path.suffix in {".py", ".toml", ".md"} and ".venv" not in path.parts
        if re.search("drop-oldest|drop_oldest|DropOldest", path.name + path.read_text())
    ]
    assert left == []


@pytest.mark.slow
def test_what_the_page_tells_to_run_works(renamed: Path, wheels: Path) -> None:
    """The tests of the renamed copy pass in an environment of its own, and its name is known."""
    commands = [line for block in blocks("sh")[2:] for line in block.splitlines()]
    mine = [line for line in commands if "uv run" in line]
    assert len(mine) == 4
    ended = uv_run(renamed, wheels, "\n".join(mine))
    assert re.search(r"^\d+ passed", ended.stdout, re.MULTILINE)
    assert "\ndrop-newest(capacity)\n" in ended.stdout
    assert "\none\n" in ended.stdout
    assert ended.stdout.endswith("<DropNewest 0/20>\n")


@pytest.mark.slow
def test_what_is_about_to_be_published_can_be_tried(renamed: Path, wheels: Path) -> None:
    """In an environment with nothing but the wheel, as the page says."""
    commands = blocks("sh", PUBLISHING)[0].splitlines()
    before = [line for line in commands if not line.startswith("uv publish")]
    assert len(before) == len(commands) - 2
    ended = uv_run(renamed, wheels, "\n".join(before))
    assert re.search(r"^\d+ passed", ended.stdout, re.MULTILINE)
    assert "\ndrop-newest(capacity)\n" in ended.stdout


def test_the_page_names_every_file_of_the_template() -> None:
    """Those that are not shown are at least mentioned."""
    text = PAGE.read_text()
    for path in TEMPLATE.rglob("*"):
        if path.is_file() and path.suffix in {".py", ".toml", ".md", ".typed"}:
            assert path.name in text, path
