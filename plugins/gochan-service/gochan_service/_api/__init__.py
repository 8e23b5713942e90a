"""What the server answers to people and their programs: ``/api/v1``."""

# The files, from the bottom up: each uses only those above it.
#
#   _visitors  who asks
#   _shown     answers that say what the store knows
#   _events    server-sent events
#   _follow    a log as it grows
#   _jobs      jobs: submit, look, cancel, retry, logs
#   _fleet     queues and agents
#   _routes    all of them

from ._follow import Growth
from ._jobs import job_of, page_of, run_again
from ._routes import api_routes
from ._visitors import COOKIE, WRONG, Problem, Visitors, number, problem_of

__all__ = [
    "COOKIE",
    "WRONG",
    "Growth",
    "Problem",
    "Visitors",
    "api_routes",
    "job_of",
    "number",
    "page_of",
    "problem_of",
    "run_again",
]
