"""The selector: the same cases, waited for again and again."""

# The files, from the bottom up:
#
#   _urn         what to look at, drawn fairly
#   _deadlines   which of many moments comes first
#   _clocks      when to look at which member
#   _members     the cases, by number and by label
#   _abandoned   selectors that are garbage, and their places
#   _places      where a selector stands, what it decides, and how it waits
#   _selector    what users see

from ._abandoned import heap_here
from ._places import Places
from ._selector import Selector

__all__ = ["Places", "Selector", "heap_here"]
