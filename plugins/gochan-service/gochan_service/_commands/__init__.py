"""The commands of the service."""

# Every command that looks for plugins imports this: so what needs HTTP is in files that a command
# imports when it is called.
#
# The files, from the bottom up: each uses only those above it.
#
#   _usual               where commands look for a server
#   _harmless            text of others, as it may be printed
#   _problems            what goes wrong, in one line
#   _program             whether there is the program of a command
#   _systemd             what systemd is told
#   _place               where a server listens
#   _until_reached       waiting for a server that is away at the start
#   _using_register      using the register of a server
#   _own_agents          agents that a server starts itself
#   _sole_server         one server for a store in a file
#   _service             a server that runs
#   _asking              asking the API of a server
#   _printing_log        printing the log of a job
#   _serve_command       `gochan serve`
#   _agent_command       `gochan agent`
#   _log_command         `gochan log`
#   _agents_command      `gochan agents`
#   _directory_commands  `gochan people import` and `sync`
#   _people_command      `gochan people`
#   _scale_command       `gochan scale`

from ._agent_command import agent_command
from ._agents_command import agents_command
from ._log_command import log_command
from ._people_command import people_command
from ._scale_command import scale_command
from ._serve_command import serve_command

commands = (
    serve_command, agent_command, agents_command, log_command, people_command, scale_command,
)  # fmt: skip

__all__ = ["commands"]
