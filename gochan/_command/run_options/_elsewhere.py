"""What users of xargs and GNU parallel type by habit: names of ours, and what to type instead."""

# Theory of operation
# -------------------
# An option that means the same here is taken by its other name, too. One that has no effect,
# because the run is always like that, is passed over. All others get an answer: click would
# suggest what has similar letters, which is seldom what is meant. Nobody pays for this who
# types no such option, since it is looked up only when the parser knows no such name.

from __future__ import annotations

from itertools import pairwise
from typing import Final, final

import click

from ._group import GroupedCommand

_SAME: Final = {
    "--jobs": "--workers",
    "--max-procs": "--workers",
    "--arg-file": "--input",
    "--colsep": "--columns",
    "--max-args": "--batch",
    "--max-replace-args": "--batch",
    "--block-size": "--block",
    "--spreadstdin": "--pipe",
    "--dryrun": "--dry-run",
    "--memfree": "--memory-free",
    "--halt-on-error": "--halt",
    "--keeporder": "--keep-order",
    "--linebuffer": "--line-buffer",
    "--line-buffered": "--line-buffer",
    "--wd": "--cwd",
    "--workdir": "--cwd",
}

_ALWAYS_SO: Final = frozenset(
    {
        "--bar",
        "--bibtex",
        "--citation",
        "--eta",
        "--gnu",
        "--group",
        "--no-notice",
        "--no-run-if-empty",
        "--progress",
        "--will-cite",
    }
)

_HERE_ALONE: Final = "commands run on this machine alone; 'ssh {} …' runs one on another"
_SEMAPHORE: Final = "there are no semaphores; flock(1) is one"
BY_SHELL: Final = "with --shell, sh can change a line: 'f={}; mv {} \"${f%.jpg}.png\"'"

_INSTEAD: Final = {
    name: text
    for names, text in {
        "-X -m --xargs": "--batch 0 gives a command as many lines as the system allows",
        "-L -l --max-lines": "--batch N gives a command N lines, each as one argument",
        "-s --max-chars": "--batch N limits a command by lines, and the system limits its size",
        "-x --exit": "a line that is too long for a command has failed, which ends the run",
        "-E -e --eof": "'sed /TEXT/Q' in front of it ends the input there",
        "-i -J -R --replace": "{} stands for the line; --place TEXT lets another text do so",
        "-t -v --verbose": "each command is named when it has ended; --dry-run shows all before",
        "-p --interactive": "nothing is asked; --dry-run shows the commands, and starts none",
        "-o --open-tty --tty": "commands cannot read the terminal; a loop of the shell lets them",
        "--link --xapply": "':::+' links a list to the one before it: ::: a b :::+ 1 2",
        "--arg-sep --arg-file-sep": "lists begin with ::: and files with ::::, always",
        "--process-slot-var": "the variable GOCHAN_SLOT has that number",
        "--show-limits --max-line-length-allowed": "'getconf ARG_MAX' says what the system allows",
        "--resume": "--journal FILE goes on where it was, if the same command is typed again",
        "--resume-failed": "--journal FILE --retry-failed goes on, and runs again what has failed",
        "--tagstring": "--tag begins each line with the line of the input, and there is no other",
        "--trim": "a line is taken as it is; 'sed \"s/^ *//; s/ *$//\"' in front of it trims it",
        "--shuf": "'shuf' in front of it puts lines in random order",
        "--skip-first-line": "'tail -n +2' in front of it skips a line; --header takes names",
        "--pipepart --pipe-part": "--pipe --input FILE reads the blocks of a file",
        "--round-robin --roundrobin --tee": "each block of --pipe is for a command of its own",
        "--cat --fifo": "a command reads its block of --pipe as /dev/stdin",
        "--recstart --recend --rrs --regexp": "--pipe takes lines; --null, --delimiter end them",
        "--files": "--results FOLDER keeps what each command has written",
        "--compress --tempdir --tmpdir": "large outputs wait in the folder that TMPDIR names",
        "--plus --rpl": BY_SHELL,
        "--shellquote": "'printf %q' of bash quotes a word; --dry-run shows whole commands",
        "--noswap": "--memory-free SIZE starts none while less memory is available",
        "--sql --sqlmaster --sqlworker --sqlandworker": "--json and --joblog are for programs",
        "--env_parallel --record-env": "all exported variables are there",
        "-S --sshlogin --sshloginfile --slf --onall --nonall": _HERE_ALONE,
        "--transfer --transferfile --return --trc --cleanup --basefile --bf": _HERE_ALONE,
        "--semaphore --sem --bg --fg --wait --id": _SEMAPHORE,
        "-V --version": "'gochan --version' says it",
    }.items()
    for name in names.split()
}


@final
class FamiliarCommand(GroupedCommand):
    """A command that knows what the options of xargs and GNU parallel are called here."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with the names of ours in place of the others.

        Raises:
            click.UsageError: something is wrong with them.
        """
        while True:
            try:
                rest = super().parse_args(context, [*args])
            except click.MissingParameter:
                why = "there is no command; 'sh -c' would run each line, and --help has examples"
                raise click.UsageError(why) from None
            except click.NoSuchOption as error:
                name = error.option_name
                if name in _INSTEAD:
                    raise click.UsageError(f"there is no {name}: {_INSTEAD[name]}") from None
                if name not in _SAME and name not in _ALWAYS_SO:
                    raise
                args = _renamed(args, name)
            else:
                command = context.params["command"] or ()
                _refuse_none(args[: len(args) - len(command)])
                place = _header_of_theirs(args)
                if place is None or command[:1] != (":",):
                    return rest
                args = [*args[:place], *args[place + 1 :]]
                context.params.clear()


def _refuse_none(options: list[str]) -> None:
    """Refuse ``-N 0``: for GNU parallel, commands get nothing of their lines then.

    Raises:
        click.UsageError: that is there.
    """
    if "-N0" in options or ("-N", "0") in pairwise(options):
        why = "'sh -c COMMAND' gets a line and leaves it; --batch 0 is as many lines as can be"
        raise click.UsageError(f"there is no -N 0: {why}")


def _header_of_theirs(arguments: list[str]) -> int | None:
    """Return where a colon follows ``--header``: for GNU parallel it is the value of that."""
    pairs = enumerate(pairwise(arguments), 1)
    return next((place for place, pair in pairs if pair == ("--header", ":")), None)


def _renamed(arguments: list[str], name: str) -> list[str]:
    """Return the arguments with our name for an option; without it, if it has no effect."""
    place = [word.partition("=")[0] for word in arguments].index(name)
    ours = _SAME.get(name)
    kept = [] if ours is None else [ours + arguments[place][len(name) :]]
    return [*arguments[:place], *kept, *arguments[place + 1 :]]
