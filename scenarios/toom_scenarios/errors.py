"""What can go wrong in a run, named by who must act.

    ScenarioError
      UsageError         the user of `toom` asked for what cannot be: status 2
      Broken             the harness, the host or the evidence: nothing is known about the program,
      status 3
      Unsupported        this host cannot examine it: the marks leave `possible`
      Skipped            what it builds on has failed: it would say nothing new
    ExpectationFailed    the program under test broke a promise: status 1

Belongs here: the exceptions alone. How they become verdicts is in verdict.py.
"""

from __future__ import annotations

from .facts import Facts, fact_lines


class ScenarioError(Exception):
    """Everything that the runner raises on purpose, except a broken promise."""


class UsageError(ScenarioError):
    """The command line, a case file or an implementation file is wrong: the user must act."""


class Broken(ScenarioError):
    """The harness could not find out. Says nothing about the program under test."""


class Unsupported(ScenarioError):
    """This host has not what the scenario needs; the text says what is missing."""


class Skipped(ScenarioError):
    """A scenario that this one builds on has failed; the text says which."""


class ExpectationFailed(AssertionError):
    """The program under test did not do what was promised.

    Args:
        summary: one line, for tables.
        detail: what was seen; many lines. Left out where `facts` say it.
        facts: what was wanted, what was seen and when, whether the program lives.
    """

    def __init__(self, summary: str, detail: str = "", facts: Facts | None = None) -> None:
        self.summary = summary
        self.facts = facts or Facts(seen=tuple(detail.splitlines()))
        self.detail = "\n".join(fact_lines(self.facts))
        super().__init__(f"{summary}\n{self.detail}" if self.detail else summary)
