"""A manual page made of the help of a command, in the language of man."""

# Theory of operation
# -------------------
# click writes help by telling a formatter what comes: usage, text, a section, a list. This
# formatter writes it down as roff. So whatever the help says, the page says.

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, final

import click

# What has a meaning in roff, or would be made typographic and then be wrong to copy.
_SPECIAL: Final = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
)

# Sections that are no groups of options.
_OF_ITS_OWN: Final = {"Options", "Commands"}

_EXIT_STATUS: Final = "Exit status: "


def man_page(context: click.Context, version: str) -> str:
    """Return the page for the command of ``context``."""
    command = context.command
    name = context.command_path.replace(" ", "-")
    page = _Page()
    title = [name.upper(), "1", "", f"gochan {version}", "Manual of gochan"]
    page.write(".TH", *(f' "{_escape(part)}"' for part in title), "\n")
    page.section_named("NAME")
    page.line(f"{name} - {command.get_short_help_str(200).rstrip('.')}")
    command.format_help(context, page)
    page.end()
    return page.getvalue()


@final
class _Page(click.HelpFormatter):
    """Writes roff."""

    def __init__(self) -> None:
        super().__init__(width=1000)  # man breaks the lines
        self._options_begun = False
        self._exit_status = ""

    def write(self, *texts: str) -> None:
        self.buffer.extend(texts)

    def line(self, text: str) -> None:
        """Write a line of text."""
        self.write(_escape(text), "\n")

    def section_named(self, name: str) -> None:
        self.write(f".SH {_escape(name)}\n")

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.section_named("SYNOPSIS")
        self.write(f".B {_escape(prog)}\n")
        self.line(args)
        self.section_named("DESCRIPTION")

    def write_text(self, text: str) -> None:
        for paragraph in re.split(r"\n\s*\n", text):
            if paragraph.startswith("\b\n"):
                self._verbatim(paragraph.splitlines()[1:])
            elif paragraph.startswith(_EXIT_STATUS):
                self._exit_status = paragraph.removeprefix(_EXIT_STATUS)
            else:
                self.write(".PP\n")
                self.line(" ".join(paragraph.split()))

    def _verbatim(self, lines: Sequence[str]) -> None:
        self.write(".PP\n.nf\n.RS 2\n")
        for line in lines:
            self.line(line.removeprefix("  "))
        self.write(".RE\n.fi\n")

    def write_paragraph(self) -> None:
        """Leave space, which roff does by itself."""

    def write_heading(self, heading: str) -> None:
        if heading in _OF_ITS_OWN:
            self.section_named(heading.upper())
            return
        if not self._options_begun:
            self._options_begun = True
            self.section_named("OPTIONS")
        self.write(f".SS {_escape(heading)}\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        for term, text in rows:
            self.write(".TP\n")
            self.write(re.sub(r"(?<![\w\\])((?:\\-)+[\w\\-]*)", r"\\fB\1\\fR", _escape(term)), "\n")
            self.line(text)

    def end(self) -> None:
        """Write what comes last."""
        if self._exit_status:
            self.section_named("EXIT STATUS")
            self.line(" ".join(self._exit_status.split()))


def _escape(text: str) -> str:
    escaped = text.translate(_SPECIAL)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
