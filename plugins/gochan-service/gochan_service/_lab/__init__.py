"""A lab: a server, agents and people in one run of trio, in virtual time, with faults."""

# The files, from the bottom up: each uses only those above it.
#
#   _host      clocks and threads that do not depend on the machine
#   _link      the way of one client to the server, and what is wrong with it
#   _pipe      one direction of a connection
#   _network   connections in memory
#   _ledger    what was said and done, and which laws that breaks
#   _observed  a store whose answers are written into the ledger
#   _agents    agents whose handlers are watched
#   _server    the server
#   _script    what was done, as a program
#   _storm     everything that can happen, at random
#   _lab       all of it

from ._agents import LabAgent
from ._lab import Lab, LabPerson
from ._server import LabServer

__all__ = ["Lab", "LabAgent", "LabPerson", "LabServer"]

for _thing in (Lab, LabAgent, LabPerson, LabServer):
    _thing.__module__ = "gochan_service"
del _thing
