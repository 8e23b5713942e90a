"""A plugin that ends the program when it is imported."""

from __future__ import annotations

import sys

sys.exit("this needs a newer Python")
