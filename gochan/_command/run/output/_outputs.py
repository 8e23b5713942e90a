"""What becomes of the outputs of all commands, and of the records of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from .._options import OutputOptions
from ..items import Item
from ._job_log import JobLog
from ._json_lines import fields_of
from ._line_output import LineOutput
from ._order import AsTheyCome, InOrder, Order
from ._outlet import Outlet
from ._output import GroupedOutput, Output, UngroupedOutput
from ._record import Record
from ._results import Results


@final
class Outputs:
    """Opens an output for each command.

    Args:
        options: what is wanted.
        outlet: where the outputs leave.
        numbered: whether each item has the same number in every run.
        label: returns what tells an item from others.
        on_lost: called with the problem if an output that was held cannot be written.
        on_unread: called if nobody reads standard output while a command still writes.

    Attributes:
        recorded: whether records are wanted.
        order: in which the outputs are passed on.
    """

    def __init__(
        self,
        options: OutputOptions,
        outlet: Outlet,
        *,
        numbered: bool,
        label: Callable[[Item], bytes],
        on_lost: Callable[[OSError], object],
        on_unread: Callable[[], object],
    ) -> None:
        self._on_unread = on_unread
        self._options = options
        self._label = label
        self._labelled = options.tag or options.results is not None
        self.order: Order = AsTheyCome(outlet.write)
        if options.keep_order:
            self.order = InOrder(outlet.write, on_lost)
        self._results = None
        if options.results is not None:
            self._results = Results(options.results, numbered=numbered)
        self._log = None if options.job_log is None else JobLog(*options.job_log)
        self.recorded = options.json or bool(self._results or self._log)

    def open(self, item: Item) -> Output:
        """Return the output of a command that is about to start.

        Raises:
            OSError: there is no folder for it.
        """
        label = self._label(item) if self._labelled else b""
        result = None if self._results is None else self._results.open(item, label)
        tag = label + b"\t" if self._options.tag else b""
        match self._options.mode:
            case "lines":
                return LineOutput(item, result, self.order, tag=tag, on_unread=self._on_unread)
            case "ungrouped":
                return UngroupedOutput(item, result)
        return GroupedOutput(item, result, self.order, tag=tag, json=self._options.json)

    def record(self, output: Output, record: Record, sent: int) -> None:
        """Record how a command has ended that was sent so many bytes, where that is wanted.

        Raises:
            OSError: it cannot be written.
        """
        if self._results is not None and output.result is not None:
            output.result.end(record.shell_status, fields_of(record))
            self._results.forget(record.item)
        if self._log is not None:
            self._log.add(record, sent, output.received)

    def close(self) -> None:
        """Close what is open."""
        self.order.close()
