"""The commands for durable queues: they submit, run, show and steer jobs in a store."""

# The files, from the bottom up: each uses only those above it.
#
# What they share:
#   _address          where a store is said to be
#   _place            the place of a store, and what is asked there
#   _completing       what a shell may suggest, asked of the store
#   _words            tables, and text that is safe to print
#   _as_json          what a store knows, as JSON
#   _known            queues and jobs that a store knows, and what is said of others
#
# Looking:
#   _jobs_command     `gochan jobs`
#   _show_command     `gochan show`
#   _explain_command  `gochan explain`
#
# Steering:
#   _cancel_command   `gochan cancel`
#   _retry_command    `gochan retry`
#   _pause_command    `gochan pause` and `gochan resume`
#   _purge_command    `gochan purge`
#   _migrate_command  `gochan migrate`
#
# Watching:
#   top               what it shows, and how; a folder with a map of its own
#   _top_command      `gochan top`
#
# Submitting:
#   _payloads         payloads from an argument or from lines
#   _submit_command   `gochan submit`
#
# Working:
#   _handlers         handlers by their names
#   _reloading        whether a file has changed, and the command once more
#   _shares           which queue has how many workers
#   _warnings         what goes wrong in a worker, in lines
#   _work             a worker process, from its start to its report
#   _work_command     `gochan work`

# Each command is imported when it is asked for.

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

# The names of the commands, and their files.
FILES: Final = {
    "jobs": "_jobs_command",
    "show": "_show_command",
    "explain": "_explain_command",
    "cancel": "_cancel_command",
    "retry": "_retry_command",
    "pause": "_pause_command",
    "resume": "_pause_command",
    "purge": "_purge_command",
    "migrate": "_migrate_command",
    "top": "_top_command",
    "submit": "_submit_command",
    "work": "_work_command",
}


def load(name: str) -> click.Command:
    """Return the command of that name."""
    module = import_module(f".{FILES[name]}", __name__)
    command: click.Command = getattr(module, f"{name}_command")
    return command


__all__ = ["FILES", "load"]
