"""Shares: which queue has how many of the workers of a process."""

from __future__ import annotations

from collections.abc import Mapping


def shares(workers: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide workers among queues in proportion to their weights, at least one for each.

    The rule is that of Sainte-Laguë: it divides seats of a parliament in the same way.

    Args:
        workers: how many there are; as many as queues, or more.
        weights: of the queues by their names, each at least 1.
    """
    counts = dict.fromkeys(weights, 1)
    for _ in range(workers - len(weights)):
        needy = max(weights, key=lambda name: weights[name] / (2 * counts[name] + 1))
        counts[needy] += 1
    return counts
