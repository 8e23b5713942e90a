"""The page: what people see in a browser."""

# The files, from the bottom up: each uses only those above it.
#
#   _plain_log  a log without what a terminal would obey
#   _words      times, states and payloads, in short words
#   _chart      the last hour of a queue, as lines
#   _sessions   who has logged in, and whether a form is ours
#   _shell      answers that are pages, and the headers of all of them
#   _login      logging in and out
#   _jobs       the pages of jobs
#   _fleet      the pages of queues, agents and people
#   _pages      all of them

from ._pages import page_routes

__all__ = ["page_routes"]
