"""Chains of strategies from several plugins."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import gochan
from gochan import Chan, Refused
from gochan.strategies import Strategy
from gochan.testing import check_strategy


@pytest.mark.parametrize(
    "chain",
    [
        "fair(capacity=5) | coalesce(capacity=2)",
        "fair(capacity=5) | coalesce(payload, debounce=1, max_wait=3, exclusive=True)",
        "fair(capacity=5) | latest",
        "fair(capacity=5) | drop-oldest(2)",
    ],
)
def test_they_keep_the_rules_for_all_strategies(chain: str) -> None:
    """No matter which plugins they come from."""
    factory: Callable[[], Strategy[Any]] = lambda: gochan.strategy(chain)  # noqa: E731
    check_strategy(factory)


async def test_one_page_of_each_tenant_waits() -> None:
    """Fair and coalesce go together."""
    drops: list[Any] = []
    channel = Chan[Any](
        strategy=gochan.strategy("fair(tenant, capacity=4) | coalesce(page)"),
        on_drop=lambda *drop: drops.append(drop),
    )
    items = [
        SimpleNamespace(tenant=tenant, page=page)
        for tenant, page in ("a1", "b1", "a1", "a2", "b1", "c1", "c2")
    ]
    for item in items[:6]:
        channel.send_nowait(item)
    with pytest.raises(Refused):
        channel.send_nowait(items[6])
    assert drops == [(items[0], "coalesced"), (items[1], "coalesced")]
    assert [await channel.receive() for _ in range(4)] == [items[n] for n in (2, 4, 5, 3)]
