"""The pieces of work that ``load.py`` measures, with real processes on this machine.

_fleet        a server, and the agents of a row
_latencies    how late things were, and what of that counts
throughput    many jobs, from their submit to their end
reactions     how soon an agent hears of a job, and a child of its cancel
crowd         a thousand agents
logs          what jobs print
peers         the same work elsewhere
"""
