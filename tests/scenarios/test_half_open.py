"""A cable that is pulled: the server notices by itself (PROTOCOL 2.4)."""

import pytest

from toom_scenarios import Stage

NOTICED = 10.0  # seconds; a client's silence alone would take up to 15 (SPEC S3)


@pytest.mark.slow
def test_a_pulled_cable_shows_in_the_user_log(networked_stage: Stage) -> None:
    server = networked_stage.server()
    networked_stage.clients(yoda="Yoda", han="Han")
    userlog = server.file("userlog.txt")
    assert len(userlog.lines()) == 2
    cut = networked_stage.host("yoda").run(["ip", "link", "set", "eth0", "down"])
    assert cut.status == 0, cut.output
    userlog.waits_until(lambda text: text.count("\n") == 1, within=NOTICED)
    assert "; Han; " in userlog.text()
