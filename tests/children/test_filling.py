"""The command for one value."""

from __future__ import annotations

import pytest

from gochan.processes import fill_in


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["a"], [b"a", b"x/y z.png"]),
        (["a", "{}", "-{}-"], [b"a", b"x/y z.png", b"-x/y z.png-"]),
        (["a", "{.}.jpg"], [b"a", b"x/y z.jpg"]),
        (["a", "{/}"], [b"a", b"y z.png"]),
        (["a", "{//}", "{/.}"], [b"a", b"x", b"y z"]),
        (["a", "{#}", "{%}", "{1}", "{name}", "{x"], [
            b"a", b"{#}", b"{%}", b"{1}", b"{name}", b"{x", b"x/y z.png"
        ]),
    ],
)  # fmt: skip
def test_a_value_takes_the_place_of_braces(command: list[str], filled: list[bytes]) -> None:
    """Or comes last; what is about lines of input stays as it is."""
    assert fill_in(command, "x/y z.png") == filled


def test_a_value_stays_one_argument() -> None:
    """No shell looks at it, and bytes that are no text come through."""
    assert fill_in(["a"], "$(x) \udcff") == [b"a", b"$(x) \xff"]


def test_what_the_system_would_not_take_is_an_error() -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match=r"an argument would have 131,072 bytes; .* 131,071"):
        fill_in(["a"], "x" * 131_072)
    with pytest.raises(ValueError, match="surrogate"):
        fill_in(["a"], "\ud800")
