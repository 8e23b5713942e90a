"""The store on SQLite: one file, nothing to install."""

# The files, from the bottom up: each uses only those above it.
#
#   _connection    one connection to a file, by the standard library
#   _by_apsw       another one, by apsw
#   _library       which of the two
#   _schema        the tables, and how a file gets the newest ones
#   _rows          rows, and the records that they are
#   _queues        their numbers, settings and counts, and what they ring
#   _ending        runs that are over, and jobs that end without one
#   _storing       how new jobs become rows
#   _claiming      which jobs are the next
#   _leasing       jobs that a worker gets, and keeps for a while
#   _asking        what is in the store
#   _tending       what time demands, and jobs that are kept no longer
#   _agreed_time   what the file says about the clocks of its processes
#   _sqlite_book   all operations, each one step of a transaction
#   _desk          the threads that make them, many at once
#   _neighbours    other processes on the same file
#   _sole_use      who else may have the file open
#   _file_system   a network is no place for the file
#   _transaction   the user's own transaction
#   _sqlite_store  how it is opened

from ._sqlite_store import open_sqlite_store

__all__ = ["open_sqlite_store"]
