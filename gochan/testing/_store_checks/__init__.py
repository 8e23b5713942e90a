"""The checks: for each rule the histories in which it shows, each played on a fresh store."""

# Theory of operation
# -------------------
# A check does few things, and those with the trial, which compares every answer, every record
# and every count with the model. So a check says what is done, and seldom what has to come out.

# The files, from the bottom up: each uses only those above it.
#
#   _table          the checks by their rules, and what all of them need
#   _everywhere     answers, ids, versions, counts, queues
#   _leasing        who gets which job when, and for how long
#   _counting       attempts, ends, cancels, retries
#   _submitting     keys, receipts, batches, room, needs
#   _keeping_house  what is purged, kept, tended and explained
#   _bells          bells, and the end of a store

from . import _bells, _counting, _everywhere, _keeping_house, _leasing, _submitting
from ._table import CHECKS, Check

__all__ = ["CHECKS", "Check"]

_FILES = (_bells, _counting, _everywhere, _keeping_house, _leasing, _submitting)  # they fill CHECKS
