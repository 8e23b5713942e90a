"""Scaling: as many agents as the jobs of a queue need."""

# The files, from the bottom up: each uses only those above it.
#
#   _snapshot    what a decision is made from, and what it says
#   _backoff     after failures, ask less often
#   _demand      how many jobs should be able to run at the same time
#   _scaling     how many agents there should be, and which may go
#   _rates       how many jobs come in a second
#   _simulating  what a scaling would do with a load
#   _providers   what starts and ends agents
#   _local       the provider `local`: processes of this machine
#   _by_command  the provider `command`: any command line
#   _offered     the providers that are there, also those of plugins
#   _fleet       what a server says about jobs and agents
#   _scaler      looks, decides and acts, again and again

# The public names; the rest needs httpx, and is imported when it is used.

from ._providers import AgentPlan, Provider, ProviderError, ProviderSpec
from ._scaling import Scaling
from ._simulating import ScalingRun, simulate_scaling
from ._snapshot import ScaledAgent, ScalingDecision, ScalingSnapshot

__all__ = [
    "AgentPlan",
    "Provider",
    "ProviderError",
    "ProviderSpec",
    "ScaledAgent",
    "Scaling",
    "ScalingDecision",
    "ScalingRun",
    "ScalingSnapshot",
    "simulate_scaling",
]
