"""Logging in and out (SPEC S2, S11)."""

from toom_scenarios import Stage, scenario


@scenario(section="S11", part="login")
def log_in_and_out(stage: Stage) -> None:
    """«`Bye, Yoda!`; the client closes TCP and UDP and exits with 0; when `Bye` is on the screen the line in userlog.txt is gone»"""
    server = stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda", udp_port=8000)
    server.file("userlog.txt").has_lines([rf"1; .+; Yoda; {yoda.address}; {yoda.udp_port}"])
    yoda.types("OUT")
    yoda.sees_exactly("Bye, Yoda!")
    server.file("userlog.txt").has_lines([])
    yoda.ends(status=0)
