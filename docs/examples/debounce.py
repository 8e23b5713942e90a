"""Pass on typed text once the typist pauses."""

from __future__ import annotations

from gochan import ReceiveChan, SendChan, after, select


async def debounce(typed: ReceiveChan[str], settled: SendChan[str], quiet: float) -> None:
    """Send each text that no newer one follows within ``quiet`` seconds."""
    with settled:
        async for text in typed:
            pausing = False
            while not pausing:
                match await select(typed.on_receive_ok(), after(quiet)):
                    case 0, (str(newer), True):
                        text = newer
                    case _:
                        pausing = True
            await settled.send(text)
