"""What is wrong with a journal."""

from __future__ import annotations


class JournalError(Exception):
    """A journal cannot be used, in a sentence that says why, and what to do."""
