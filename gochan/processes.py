"""For plugins that run commands: child processes that do not outlive what they were started for."""

from ._children import (
    ChildError,
    Children,
    Program,
    fill_in,
    guarding,
    open_children,
)

__all__ = [
    "ChildError",
    "Children",
    "Program",
    "fill_in",
    "guarding",
    "open_children",
]

# as users see them
for _thing in (ChildError, Children, Program, fill_in, guarding, open_children):
    _thing.__module__ = __name__
del _thing
