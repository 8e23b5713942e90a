"""The store in memory: for tests, and for programs whose jobs need not survive."""

# The files, from the bottom up: each uses only those above it.
#
#   _rows          a job, and what is known about a queue
#   _shelves       where the jobs are, how one moves, and what can be asked
#   _ending        runs that are over, and jobs that end without one
#   _tending       what time demands, and jobs that are kept no longer
#   _memory_book   all operations
#   _memory_store  how it is opened

from ._memory_store import open_memory_store

__all__ = ["open_memory_store"]
