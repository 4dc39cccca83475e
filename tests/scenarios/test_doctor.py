"""What this machine can do, and the advice where it cannot."""

import pytest

from toom_scenarios import doctor

DENIED = "no container engine answers at unix:///var/run/docker.sock (Permission denied)"


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        (DENIED, "join the group docker"),
        ("no container engine answers (No such file or directory)", "start one, or name it in"),
    ],
)
def test_the_advice_fits_what_is_wrong(
    told: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "engine_answer", lambda: (False, told))
    lines = list(doctor.examine().as_lines())
    at = lines.index(f"no  container engine: {told}")
    assert lines[at + 1].strip().startswith(advice)
