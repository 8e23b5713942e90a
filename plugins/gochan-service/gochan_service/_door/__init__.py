"""The door of a store: what the server answers to agents and to people's commands."""

# The files, from the bottom up: each uses only those above it.
#
#   _secrets     who may come in
#   _waiting     the first of several things
#   _canceller   who waits for the cancel of a job
#   _listeners   who hears the bells from afar
#   _agents      the agents that have been heard of
#   _drained     who was drained before the server started
#   _neighbours  which agents other servers have heard of
#   _offers      which agent is told of which job
#   _shelves     where files are: in a folder, or beside the jobs
#   _files       logs and artefacts of jobs
#   _permits     which calls who may make
#   _exchanges   many calls in one request
#   _reports     how runs go, and how they have ended
#   _tickets     one job at a time: the routes for agents in any language
#   _steps       these routes by name
#   _cache       what is told of jobs that have ended
#   _metrics     what Prometheus is told
#   _tending     what time demands
#   _past        the last hour of each queue
#   _limits      bodies that are too long or too slow, heads that are odd
#   _app         the application
#   _inbox       what a request has brought
#   _connection  HTTP, cut when a client is slow
#   _serving     sockets, and the end of connections

from ._agents import Agents
from ._app import PROBES, Door, open_door, presented
from ._cache import Cache
from ._files import LOG, Files, open_job_files
from ._past import HOUR, Moment, Past
from ._secrets import Keyring, Lock, SecretError, SecretFile, make_secret_file
from ._serving import Listener, serve

__all__ = [
    "HOUR",
    "LOG",
    "PROBES",
    "Agents",
    "Cache",
    "Door",
    "Files",
    "Keyring",
    "Listener",
    "Lock",
    "Moment",
    "Past",
    "SecretError",
    "SecretFile",
    "make_secret_file",
    "open_door",
    "open_job_files",
    "presented",
    "serve",
]
