"""The selector: the same cases, waited for again and again."""

# The files, from the bottom up: each uses only those above it.
#
#   _urn         what to look at, drawn fairly
#   _deadlines   which of many moments comes first
#   _clocks      when to look at which member
#   _members     the cases, by number and by label
#   _abandoned   selectors that are garbage, and their places
#   _places      where a selector stands, and what other tasks do to it there
#   _decider     what it does now, and the wait of its task
#   _selector    what users see

from ._abandoned import heap_here
from ._decider import Decider
from ._selector import Selector

__all__ = ["Decider", "Selector", "heap_here"]
