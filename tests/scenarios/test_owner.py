import os
import subprocess
import sys
from dataclasses import replace

import pytest

from toom_scenarios.hosts.owner import LIFETIME, OWNER, is_dead, ourselves


def nobody(_name: str) -> None:
    return None


def test_a_living_owner_is_never_dead() -> None:
    assert is_dead({OWNER: ourselves().label(), LIFETIME: "1"}, 10**6, nobody) == ""


def test_a_process_that_is_gone_is_proof() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pid = child.pid
    owner = replace(ourselves(), pid=pid)
    assert is_dead({OWNER: owner.label()}, 0, nobody) == f"process {pid} is gone"


def test_another_process_with_the_same_pid_is_proof() -> None:
    owner = replace(ourselves(), started=ourselves().started - 1)
    assert is_dead({OWNER: owner.label()}, 0, nobody) == f"process {os.getpid()} is gone"


@pytest.mark.parametrize(
    ("runs", "dead"), [(True, ""), (None, ""), (False, "container elsewhere has ended")]
)
def test_an_owner_elsewhere_is_dead_with_its_container(runs: bool | None, dead: str) -> None:
    owner = replace(ourselves(), pid_namespace="pid:[1]", host="elsewhere")
    labels = {OWNER: owner.label(), LIFETIME: "300"}
    assert is_dead(labels, 10, lambda _: runs) == dead


def test_an_owner_elsewhere_is_dead_when_its_time_is_up() -> None:
    owner = replace(ourselves(), boot="another")
    labels = {OWNER: owner.label(), LIFETIME: "300"}
    assert is_dead(labels, 300, nobody) == ""
    assert is_dead(labels, 400, nobody) == "it is 400 s old"


@pytest.mark.parametrize("label", ["", "{}", "[]", "nonsense"])
def test_what_cannot_be_read_is_left_alone(label: str) -> None:
    assert is_dead({OWNER: label, LIFETIME: "1"}, 10**6, nobody) == ""
    assert is_dead({}, 10**6, nobody) == ""
