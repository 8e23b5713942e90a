"""What a plugin says about a store is checked when it says it."""

from __future__ import annotations

from typing import Any

import pytest

from gochan.durable import StoreSpec


def open_nothing(address: str) -> Any:
    raise NotImplementedError


def test_a_spec_says_how_to_open_a_store() -> None:
    """Scheme, function, summary, and the version of the protocol."""
    spec = StoreSpec("tape+lto", open_nothing, "on tape")
    assert (spec.scheme, spec.open, spec.summary, spec.api) == (
        "tape+lto",
        open_nothing,
        "on tape",
        1,
    )


@pytest.mark.parametrize("scheme", ["", "Tape", "9tape", "tape:", "ta pe", None])
def test_a_scheme_is_what_can_stand_before_a_colon(scheme: Any) -> None:
    """As the schemes of addresses are made."""
    with pytest.raises(ValueError, match="scheme is made of"):
        StoreSpec(scheme, open_nothing, "on tape")


def test_what_opens_a_store_can_be_called() -> None:
    """Or the user would get the error."""
    with pytest.raises(TypeError, match="store 'tape' is 'nothing', which cannot be called"):
        StoreSpec("tape", "nothing", "on tape")  # type: ignore[arg-type]


def test_a_summary_is_one_line() -> None:
    """For a table."""
    with pytest.raises(TypeError, match="must be a string, not None"):
        StoreSpec("tape", open_nothing, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be one line"):
        StoreSpec("tape", open_nothing, "on\ntape")
