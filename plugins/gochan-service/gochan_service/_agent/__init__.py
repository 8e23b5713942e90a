"""An agent: runs the jobs of a server."""

# The files, from the bottom up: each uses only those above it.
#
#   _log_stream  what runs print goes to the server
#   _artefacts   files that a run has made go to the server
#   _handler     what is done for a job
#   _one_job     a store in which an agent finds one job
#   _opening     a durable queue whose store is a server

from ._handler import run_command_for
from ._log_stream import LogCourier
from ._opening import open_agent_at, open_agent_by

__all__ = ["LogCourier", "open_agent_at", "open_agent_by", "run_command_for"]
