"""How many random programs tests run, and how: always the same few, or ever new ones.

``GOCHAN_EXAMPLES=10000 python -m pytest tests/test_law.py`` runs that many, other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("GOCHAN_EXAMPLES", "0"))


def examples(few: int) -> settings:
    """Return the settings of a test that is content with a few."""
    return settings(
        max_examples=EXAMPLES or few,
        derandomize=not EXAMPLES,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        deadline=None,
        # The mode is the same for all examples; some programs are slow to generate.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
