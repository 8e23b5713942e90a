"""``gochan serve``: a job server."""

from __future__ import annotations

import logging
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from gochan.processes import guarding

from ._own_agents import OwnAgents
from ._place import Place, tls_context
from ._problems import run
from ._program import check_program


@click.command(name="serve", short_help="Serve a store to agents and people.")
@click.option(
    "--store",
    default="sqlite:jobs.db",
    metavar="ADDRESS",
    show_default=True,
    help="Where the jobs are; it is made if it is not there.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8000",
    metavar="HOST:PORT",
    envvar="GOCHAN_LISTEN",
    show_envvar=True,
    show_default=True,
    help="Where to listen; also [::1]:PORT, :PORT for all addresses, or unix:PATH.",
)
@click.option(
    "--lease",
    type=click.FloatRange(min=1, max=86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a job stays with an agent that says nothing.",
)
@click.option(
    "--secret-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The secret of agents, or two during a rotation; by default, beside the store.",
)
@click.option(
    "--tls-cert",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Speak TLS, with this certificate and those that it needs.",
)
@click.option(
    "--tls-key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The key of the certificate, if it is not in the same file.",
)
@click.option(
    "--agents", type=click.IntRange(1, 1000), metavar="N", help="Start so many agents as well."
)
@click.option("--queue", help="With --agents: whose jobs they run.")
@click.option(
    "--capacity",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="With --agents: how many jobs each runs.",
)
@click.option("--behind-proxy", is_flag=True, help="A proxy in front speaks TLS; believe it.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without TLS.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def serve_command(
    command: tuple[str, ...],
    agents: int | None,
    queue: str | None,
    capacity: int,
    store: str,
    listen: str,
    lease: float,
    secret_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
    insecure: bool,
) -> int:
    """Serve a store to agents and people, until SIGTERM or Ctrl-C.

    The secret of agents, the token of the operator, the people and the files of jobs are kept
    beside the store. The files of the secrets and of TLS are read again on SIGHUP, those of the
    secrets also when they have changed.

    With --agents it is all in one: it runs COMMAND for each job of QUEUE, as 'gochan agent' does,
    and one Ctrl-C ends all in order.

    \b
      gochan serve
      gochan serve --agents 2 --queue shrink -- optipng {}
    """  # noqa: D301  # click wants the character
    if agents is None and (command or queue):
        raise click.UsageError("a queue and a command are for own agents: give --agents")
    if agents is not None and not (command and queue):
        raise click.UsageError("--agents needs --queue and a command")
    try:
        place = Place.of(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    if agents is not None and place.path is not None:
        raise click.UsageError("agents cannot reach a socket in a folder: listen at HOST:PORT")
    if tls_key and not tls_cert:
        raise click.UsageError("--tls-key needs --tls-cert")
    if not (place.is_near or tls_cert or behind_proxy or insecure):
        raise click.UsageError(
            "secrets would travel in clear text: give --tls-cert, or --behind-proxy if a proxy "
            "in front of it speaks TLS; --insecure does without"
        )
    status = check_program(command)
    if status:
        return status
    try:
        tls = tls_context(tls_cert, tls_key) if tls_cert else None
    except OSError as error:
        cure = "" if tls_key else "; if its key is in another file, give that by --tls-key"
        raise click.UsageError(f"{tls_cert} cannot be used for TLS: {error}{cure}") from None

    def reload_tls() -> None:
        if tls is not None and tls_cert is not None:
            tls.load_cert_chain(tls_cert, tls_key)

    from ._service import Service  # which needs much that other commands do not

    logging.basicConfig(format="gochan: %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with guarding() if agents is not None else nullcontext() as guardian:
        own = OwnAgents(agents or 0, queue or "", capacity, command, guardian)
        service = Service(
            store, place, lease, secret_file, tls, reload_tls, behind_proxy=behind_proxy,
            agents=own if agents is not None else None,
        )  # fmt: skip
        run(service.run)
    return 0 if service.is_over else 1
