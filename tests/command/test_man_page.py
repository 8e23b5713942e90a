"""`gochan man`: manual pages that say what the help says."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from .. import processes
from ..processes import Gochan

gochan = processes.gochan

needs_groff = pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")


def shown(roff: bytes) -> str:
    """Return what man would show, without bold and the like; roff must be right."""
    command = ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=200n", "-rHY=0"]
    done = subprocess.run(command, input=roff, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode()


def squeezed(text: str) -> str:
    return " ".join(text.split())


@needs_groff
@pytest.mark.parametrize(
    "names",
    [(), ("run",), ("plugins",), ("completion",), ("man",), ("submit",)],
    ids=lambda names: "-".join(names),
)
def test_a_page_says_what_the_help_says(gochan: Gochan, names: tuple[str, ...]) -> None:
    """Each sentence, each option; and man has nothing to complain about."""
    page = squeezed(shown(gochan("man", *names).out))
    usage, *paragraphs = gochan(*names, "--help").out.decode().split("\n\n")
    assert squeezed(usage).removeprefix("Usage: ") in page
    for paragraph in paragraphs:
        if re.match(r"[\w ]+:\n", paragraph):  # options or commands
            title, *rows = paragraph.splitlines()
            texts = [text for row in rows for text in re.split(r" {2,}", row.strip())]
            texts = [re.sub(r"\S+\.\.\.$", "", text) for text in texts]  # cut in the help
            assert title[:-1].lower() in page.lower()
            assert [text for text in texts if text not in page] == []
        else:
            assert squeezed(paragraph).removeprefix("Exit status: ") in page


@needs_groff
def test_the_page_of_gochan_run(gochan: Gochan) -> None:
    """Its sections are those of a manual page, and what it shows can be copied."""
    page = shown(gochan("man", "run").out)
    sections = re.findall(r"^[A-Z ]+$", page, re.MULTILINE)
    assert sections == ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"]
    assert "gochan-run - Run a command for each line of input" in page
    assert "find . -name '*.py' | gochan run -j 4 wc -l {}\n" in page


def test_a_page_marks_what_is_typed(gochan: Gochan) -> None:
    """Options are bold, but not dashes within words."""
    page = gochan("man", "run").out.decode()
    assert "\n\\fB\\-k\\fR, \\fB\\-\\-keep\\-order\\fR\n" in page
    assert "\n\\fB\\-\\-left\\-over\\fR FILE\n" in page


def test_a_line_that_begins_with_a_dot_is_no_request() -> None:
    """Roff would take it for one."""
    from gochan._command._man_page import _escape

    assert _escape(".nf") == r"\&.nf"


def test_there_is_no_page_for_what_is_no_command(gochan: Gochan) -> None:
    """Nor for the commands of a command that has none."""
    for names in [("nonsense",), ("run", "nonsense")]:
        ended = gochan("man", *names)
        assert ended.status == 2
        assert ended.err == "gochan: Invalid value for COMMAND: there is no command 'nonsense'\n"
