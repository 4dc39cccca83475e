"""Scenarios that end in each way there is, as texts, and the real `toom` to run them."""

import os
import subprocess
import sys
from pathlib import Path

HEAD = "from toom_scenarios import ACCOUNTS, Broken, Stage, Unsupported, scenario\n"
PASSES = '''
@scenario(section="S6", part="bcm")
def it_passes(stage: Stage) -> None:
    """«Whoever reads a log after the reply finds the line in it.»"""
    terminal = stage.command(stage.host("yoda"), "echo", "<b>hello</b>")
    terminal.sees_exactly("<b>hello</b>")
    terminal.ends(0)
'''
FAILS = '''
@scenario(section="S7", part="atu")
def it_fails(stage: Stage) -> None:
    """«Every other active user»"""
    stage.host("yoda").put("big", b"x" * 2_000_000)
    terminal = stage.command(stage.host("yoda"), "sh", "-c", "echo no other active user; read x")
    terminal.sees("Obi-wan", within=0.2)
'''
ASSERTS = '''
@scenario(section="S7")
def it_asserts(stage: Stage) -> None:
    """«a line each»"""
    assert ["a"] == ["b"]
'''
BREAKS = '''
@scenario(section="S8", part="srb")
def it_breaks(stage: Stage) -> None:
    """«IDs count from 1»"""
    stage.command(stage.host("yoda"), "no-such-program")
'''
BUILDS_ON = """
@scenario("S8.1", "S8.5", part="srb", builds_on="{0}")
def it_builds_on_{0}(stage: Stage) -> None:
    '''Another story.'''
    stage.promise("S8.5")
    assert not stage.random
"""
UNSUPPORTED = '''
@scenario(section="S9", part="srm", hosts=1_000_000)
def it_cannot_be_examined(stage: Stage) -> None:
    """«sent to room 1»"""
'''
HANGS = '''
@scenario(section="S10", part="rdm", time_limit=1.0)
def it_hangs(stage: Stage) -> None:
    """«no new message»"""
    while True:
        pass
'''
DIES = '''
@scenario(section="S10", part="rdm")
def it_dies(stage: Stage) -> None:
    """«no new message»"""
    import os
    os._exit(9)
'''
WAITS = '''
@scenario(section="S10", part="rdm")
def it_waits_{0}(stage: Stage) -> None:
    """«no new message»"""
    host = stage.host("yoda")
    stage.command(host, "sh", "-c", "trap '' HUP; sleep {1} & sleep {1}").sees("never", within=100)
'''


def toom(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toom_scenarios", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def case(folder: Path, *texts: str) -> str:
    (folder / "case.py").write_text(HEAD + "\n".join(texts))
    return "./case.py"
