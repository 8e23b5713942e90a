"""``gochan serve``: a job server."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from ._place import Place, tls_context
from ._problems import run


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
@click.option("--behind-proxy", is_flag=True, help="A proxy in front speaks TLS; believe it.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without TLS.")
def serve_command(
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
    """
    try:
        place = Place.of(listen)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    if tls_key and not tls_cert:
        raise click.UsageError("--tls-key needs --tls-cert")
    if not (place.is_near or tls_cert or behind_proxy or insecure):
        raise click.UsageError(
            "secrets would travel in clear text: give --tls-cert, or --behind-proxy if a proxy "
            "in front of it speaks TLS; --insecure does without"
        )
    try:
        tls = tls_context(tls_cert, tls_key) if tls_cert else None
    except OSError as error:
        raise click.UsageError(f"{tls_cert} cannot be used for TLS: {error}") from None

    def reload_tls() -> None:
        if tls is not None and tls_cert is not None:
            tls.load_cert_chain(tls_cert, tls_key)

    from ._service import Service, open_files  # which needs much that other commands do not

    files = open_files(store, secret_file)
    logging.basicConfig(format="gochan: %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    service = Service(store, place, lease, files, tls, reload_tls, behind_proxy=behind_proxy)
    run(service.run)
    return 0 if service.is_over else 1
