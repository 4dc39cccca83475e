"""Scenarios: stories of users at terminals, run against a real server and real clients, and judged.

What a case file needs:

    from toom_scenarios import Stage, scenario
"""

from .accounts import ACCOUNTS
from .errors import Broken, ExpectationFailed, Unsupported, UsageError
from .files import HostFile
from .host import Host
from .output import Mark
from .programs import Client, Server
from .scenario import scenario
from .stage import Stage
from .terminal import Terminal

__all__ = [
    "ACCOUNTS",
    "Broken",
    "Client",
    "ExpectationFailed",
    "Host",
    "HostFile",
    "Mark",
    "Server",
    "Stage",
    "Terminal",
    "Unsupported",
    "UsageError",
    "scenario",
]
