"""What tokens begin with: those of people can be told from the secret of agents."""

from __future__ import annotations

from typing import Final

SECRET: Final = "gochan_agent_"
"""What secrets of agents begin with, if a server has made them."""

TOKEN: Final = "gochan_token_"
"""What tokens of people begin with."""
