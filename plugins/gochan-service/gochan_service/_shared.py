"""Tables beside the jobs: what a store offers that many servers have."""

# Theory of operation
# -------------------
# A server keeps more than jobs: who may see them, their logs, which agents there are. A store in a
# file is for one server, which keeps these in files of its own. A store that many servers have
# offers tables, as that on PostgreSQL does; then all of this is there, and a server has nothing
# that the others have not.

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, runtime_checkable


class Work(Protocol):
    """What is done in one transaction."""

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a statement."""

    def run(self, statement: str, *values: Any) -> int:
        """Run a statement, and return how many rows it has changed."""


class SharedTables(Protocol):
    """What `gochan_postgres.Tables` does. The methods wait: call them in a thread."""

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a statement."""

    def transaction(self, *, alone: bool = False) -> AbstractContextManager[Work, bool | None]:
        """Make what is done inside the block one step.

        Args:
            alone: whether to wait until nobody else is inside such a block, in any process.
        """

    def close(self) -> None:
        """Close the connection."""


@runtime_checkable
class SharedStore(Protocol):
    """A store that offers tables beside its jobs; see `gochan_postgres.PostgresStore`."""

    def open_tables(
        self, name: str, scripts: Sequence[str]
    ) -> AbstractAsyncContextManager[SharedTables, bool | None]:
        """Open tables, and close them on the way out."""
