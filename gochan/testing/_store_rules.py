"""The rules that every store keeps, and the error that names the one that was broken."""

from __future__ import annotations

from enum import Enum, unique
from typing import final


@unique
class StoreRule(Enum):
    """What every store keeps to; the value is the rule in words. The basic ones come first."""

    CLOCK = "its clock is trio's clock in a test, and never goes back"
    ANSWERS = "every call has an answer, one for each argument, in their order"
    STORED = "what is stored can be looked at, as it was given"
    IDS = "later jobs have higher ids, and no id is used twice"
    VERSION = "a version grows with each change of the state, and a stale one changes nothing"
    COUNTS = "statistics tells how many jobs are where, and every job ever stored is somewhere"
    AUDIT = "audit tells the same as the rows"
    LIST = "list gives the newest first, in pages, and only what was asked for"
    QUEUES = "queues have names, and share nothing"
    SETTINGS = "the settings of a queue are kept, and change only if that is asked for"
    ORDER = "the higher priority goes first, then the lower id, and nothing that can go is held up"
    ONE_WORKER = "one worker has a job at a time"
    OFFER = "what is offered could be claimed, and is nobody's until it is accepted"
    SUITS = "a worker gets only jobs for its machine and its labels"
    PAUSE = "no job of a paused queue starts"
    DUE = "a job does not start before its time"
    EXPIRY = "what has expired does not start; it is dropped, or fails if it has run"
    GROUPS = "no more jobs of a group run than may, and full groups hold up nobody else"
    AFTER = "a job is held until those that it needs have ended, and ends if one ended otherwise"
    LEASES = "a lease holds while it is extended; then the job goes back"
    ATTEMPTS = "only starts count as attempts, and a job ends with the last of them"
    LOG = "the last 20 attempts are kept, and the others counted"
    ENDING = "a job ends once, as its worker says, and the result is kept"
    CANCEL = "a job that does not run is cancelled at once, and a wish stays until the run is over"
    RETRY = "a job that has ended can run again, as new, without its time to expire"
    PROGRESS = "how far a run has come is kept"
    KEY = "a job has its key until it has ended, and for `once_for` seconds after"
    RECEIPT = "jobs with the same receipt are stored once"
    WHOLE = "a whole batch is stored, or nothing of it"
    CAPACITY = "no more jobs wait than may, and what has no room is refused"
    DROP_OLDEST = "the lowest priority is dropped, then the oldest, never a job that has run"
    PURGE = "purge deletes jobs that have ended, but for those that have their key"
    KEEP = "jobs that have ended are kept as long as the settings say"
    TEND = "tend does what time demands, once, and says when there will be more"
    EXPLAIN = "explain says something about every job that is there"
    CANCELLED_CALL = "a call that is cancelled is made whole, or not at all"
    BELLS = "who listens hears, unless the store says that bells may be lost"
    CLOSED = "a closed store says that it is closed"


@final
class BrokenStore(AssertionError):
    """A store has broken a rule.

    Attributes:
        rule: which one.
    """

    def __init__(self, rule: StoreRule, message: str) -> None:
        super().__init__(message)
        self.rule = rule
