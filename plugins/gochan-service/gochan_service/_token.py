"""What tokens begin with: those of people can be told from the secret of agents."""

from __future__ import annotations

from typing import Final

TOKEN: Final = "gochan_token_"
"""What tokens of people begin with."""
