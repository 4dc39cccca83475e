"""Logging in and out, one client (SPEC S1, S2, S11)."""

from toom_scenarios import Stage, scenario
from toom_scenarios.spec import user_line


@scenario(section="S11", part="login")
def log_in_and_out(stage: Stage) -> None:
    """«`Bye, Yoda!`; the client closes TCP and UDP and exits with 0; when `Bye` is on the screen the line in userlog.txt is gone»"""
    server = stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda")
    server.file("userlog.txt").has_lines([user_line(1, "Yoda", yoda.address, yoda.udp_port)])
    yoda.types("OUT")
    yoda.sees_exactly("Bye, Yoda!")
    server.file("userlog.txt").has_lines([])
    yoda.ends(status=0)


@scenario(section="S2", part="login")
def names_and_passwords_are_case_sensitive(stage: Stage) -> None:
    """«Both are case-sensitive. … An empty user name asks `Username: ` again; an empty or odd password is a wrong one.»"""
    stage.server(attempts=4)
    wrong = "Invalid Password. Please try again"
    yoda = stage.client("yoda")
    yoda.sees_prompt("Username: ")
    yoda.types("")
    yoda.gives("Yoda", stage.password("Yoda").swapcase())
    yoda.sees_exactly(wrong)
    yoda.sees_prompt("Password: ")
    yoda.types_hidden("")
    yoda.sees_exactly(wrong)
    yoda.sees_prompt("Password: ")
    yoda.types_hidden(stage.password("Yoda"))
    yoda.sees_exactly("Welcome to TOOM!")
    yoda.sees_prompt()
    other = stage.client("other")
    other.gives("yoda", stage.password("Yoda"))
    other.sees_exactly(wrong)
