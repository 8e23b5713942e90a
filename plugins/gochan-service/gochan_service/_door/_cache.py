"""The cache: what is told of jobs that have ended, so that it is put into words once."""

# Theory of operation
# -------------------
# To ask the store for a row is cheap; to find the files of its runs, and to put all of it into
# JSON, is not. So the answer is kept beside the row that it was made from. The store is asked each
# time, and a row that is another one in anything, its version say, has its answer made again: what
# is told is never old. A job that has not ended is not kept, since its files grow.
#
# Who somebody is, is not kept. To look it up costs a tenth of such an answer, and a token that was
# revoked must open nothing from that moment on, at any server.
#
# What was used last is kept longest, within a number of answers and of bytes.

from __future__ import annotations

from typing import Final, final

from cachetools import LRUCache

from gochan.durable import JobRecord

MOST: Final = 1000
LONGEST: Final = 16 * 2**20


@final
class Cache:
    """Answers about jobs that have ended.

    Args:
        most: how many are kept.
        longest: how many bytes all of them may have.

    Attributes:
        hits: how often an answer was there.
        misses: how often it had to be made.
    """

    def __init__(self, most: int = MOST, longest: int = LONGEST) -> None:
        self._most = most
        self._longest = longest
        self._answers: LRUCache[int, tuple[JobRecord, bytes]] = LRUCache(
            longest, getsizeof=lambda kept: len(kept[1]) + len(kept[0].payload)
        )
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return int(self._answers.currsize)

    def get(self, record: JobRecord) -> bytes | None:
        """Return the answer that was made from this very row; ``None`` if there is none."""
        kept = self._answers.get(record.id)
        if kept is not None and kept[0] == record:
            self.hits += 1
            return kept[1]
        self.misses += 1
        self._answers.pop(record.id, None)
        return None

    def keep(self, record: JobRecord, answer: bytes) -> None:
        """Keep an answer, if the job has ended, and it is not too long."""
        if record.state != "ended" or len(answer) + len(record.payload) > self._longest:
            return
        self._answers[record.id] = record, answer
        while len(self._answers) > self._most:
            self._answers.popitem()
