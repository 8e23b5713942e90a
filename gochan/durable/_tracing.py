"""Tracing: what goes along with a job from its submit to its runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from ._leases import RunningJob


class Tracing(Protocol):
    """Follows jobs across processes."""

    def headers(self) -> Mapping[str, str]:
        """Return what a job that is submitted now takes along, such as a ``traceparent``."""

    def running(self, queue: str, job: RunningJob) -> AbstractContextManager[object, bool | None]:
        """Return a block around a call of the handler, which may raise what the handler raises."""
