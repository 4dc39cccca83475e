"""Starting servers and clients: their arguments, ports and directories (SPEC S1)."""

from toom_scenarios import ACCOUNTS, Host, Server, Stage, Terminal, scenario
from toom_scenarios.accounts import credentials
from toom_scenarios.sockets import ESTABLISHED

BASE = "log_in_and_out"
VALID = ("1", "2", "3", "4", "5")
INVALID: dict[str, str | None] = {  # what no ATTEMPTS can be, by a name for its folder
    "zero": "0",
    "six": "6",
    "half": "2.5",
    "plus": "+3",
    "letter": "x",
    "missing": None,
    "space-before": " 3",
    "space-after": "3 ",
    "zero-before": "03",
    "arabic": "٣",
    "negative": "-1",
    "two-digits": "12",
}
COMPLAINT = (  # SPEC S1
    "Invalid number of allowed failed consecutive attempt: {}. "
    "The valid value of argument number is an integer between 1 and 5"
)
BAD_PORTS = ("0", "65536", "-1", "abc", "99999999999999999999", "4000.5", "")
NOBODYS = "4999"  # a port on which nothing listens
MANY = 16  # clients at once; more than the small numbers that a program might have built in
NEWS = b"Two suns have set.\n" * 100


def says_why_not(terminal: Terminal, status: int | None = None) -> None:
    """It ends with this status, or any that tells of an error, after one line and no traceback."""
    ended = terminal.ends(status)
    if ended <= 0:
        terminal.fails(f"{terminal.name} ended with status {ended}, as if all were well")
    lines = [line for line in terminal.lines(since=terminal.start) if line.strip()]
    if len(lines) != 1 or lines[0].startswith("Traceback"):
        terminal.fails(f"{terminal.name} says {len(lines)} lines instead of one")


def names(host: Host) -> set[str]:
    """Every file of a host."""
    return {found.name for found in host.files()}


@scenario("S1.1", builds_on=BASE, seconds=2)
def the_server_keeps_its_files_in_one_directory(stage: Stage) -> None:
    """Accounts and logs lie where the server was started, or where `--directory` says."""
    own = {"Yoda": "in#the=logs"}
    here = stage.server(attempts=3)
    there = stage.server(
        accounts={"Yoda": "not this one"},
        files={"logs/credentials.txt": credentials(own)},
        arguments=("--directory", "logs"),
        folder="elsewhere",
        port=4001,
    )
    stage.client("yoda", user="Yoda", password=own["Yoda"], server=there).asks("BCM hello")
    logs = {"userlog.txt", "messagelog.txt"}
    found = names(there.host)
    assert {f"elsewhere/logs/{name}" for name in logs} <= found
    assert not {f"elsewhere/{name}" for name in logs} & found, "logs lie outside of --directory"
    here_too = stage.client("here", host=stage.host("yoda"), server=here)
    here_too.logs_in("Yoda", ACCOUNTS["Yoda"])
    here_too.asks("BCM hello")
    assert logs <= names(here.host)


@scenario("S1.2", seconds=3)
def attempts_from_one_to_five(stage: Stage) -> None:
    """A server starts with 1, 2, 3, 4 and 5; with anything else it says what is allowed, and ends."""
    good = [
        stage.server(
            attempts=number, folder=f"good-{number}", port=4000 + int(number), listens=False
        )
        for number in VALID
    ]
    for server in good:
        if not server.host.comes_to_listen(server.port, within=10):
            server.terminal.fails(f"the server in {server.folder} does not listen")
    bad: list[tuple[Server, str | None]] = [
        # on a port that is taken: a server that listened first would say that instead
        (
            stage.server(
                attempts=value,
                folder=name,
                port=str(good[0].port),
                listens=False,
                stderr="errors.txt",
            ),
            value,
        )
        for name, value in INVALID.items()
    ]
    for server, value in bad:
        server.terminal.ends(status=2)
        said = server.file("errors.txt").lines()
        assert COMPLAINT.format("(none)" if value is None else value) in said, said


@scenario("S1.3", seconds=2)
def a_server_port_that_cannot_be_used(stage: Stage) -> None:
    """Ports that are none, and one that another server has: one line, status 2."""
    running = stage.server()
    ports = {f"port-{number}": port for number, port in enumerate(BAD_PORTS)}
    ports["taken"] = str(running.port)
    refused = [stage.server(port=port, folder=name, listens=False) for name, port in ports.items()]
    for server in refused:
        says_why_not(server.terminal, status=2)


@scenario("S1.4", builds_on=BASE, seconds=1)
def a_client_has_any_tcp_port(stage: Stage) -> None:
    """Two clients on one host, told a UDP port each: their TCP ports come from the OS."""
    server = stage.server()
    yoda = stage.client("yoda", user="Yoda")
    stage.client("han", user="Han", host=yoda.host)
    told = yoda.host.run(["cat", "/proc/sys/net/ipv4/ip_local_port_range"]).output.split()
    first, last = (int(word) for word in told)
    talking = [each for each in yoda.host.sockets("tcp") if each.state == ESTABLISHED]
    ports = [each.port for each in talking if each.peer_port == server.port]
    assert len(ports) >= 2, f"connections to the server: {ports}"
    assert all(first <= port <= last for port in ports), f"{ports} are not of {first} to {last}"


@scenario("S1.5", builds_on=BASE, seconds=2)
def a_client_that_cannot_start(stage: Stage) -> None:
    """Ports that are none, a UDP port that is taken, no server there: one line, and no success."""
    server = stage.server()
    yoda = stage.client("yoda", user="Yoda")
    seats = yoda.host
    refused = [
        stage.client(f"server-port-{number}", host=seats, at=(server.address, port))
        for number, port in enumerate(BAD_PORTS[:5])
    ]
    refused += [
        stage.client(f"udp-port-{number}", host=seats, udp_port=port)
        for number, port in enumerate(BAD_PORTS[:5])
    ]
    refused += [
        stage.client("taken", host=seats, udp_port=str(yoda.udp_port)),
        stage.client("no-server", host=seats, at=(server.address, NOBODYS)),
    ]
    for client in refused:
        says_why_not(client)


@scenario("S1.6", builds_on=BASE, seconds=2)
def clients_in_different_directories(stage: Stage) -> None:
    """Yoda and Han sit at one host in a folder each, Leia at another: each gets a file in her own."""
    stage.server()
    seats = stage.host("seats")
    yoda, han = (stage.client(user, user=user, host=seats, folder=user) for user in ("Yoda", "Han"))
    leia = stage.client("leia", user="Leia")
    seats.put(f"{yoda.folder}/news.txt", NEWS)
    for audience in (han, leia):
        before = audience.mark()
        yoda.types(f"UPD {audience.user} news.txt")
        audience.sees_exactly("Received news.txt from Yoda", within=15, since=before)
        assert audience.file("Yoda_news.txt").bytes() == NEWS
    assert {found for found in names(seats) if found.endswith("news.txt")} == {
        "Yoda/news.txt",
        "Han/Yoda_news.txt",
    }


@scenario("S1.7", builds_on=BASE, seconds=4)
def many_clients_at_once(stage: Stage) -> None:
    """Sixteen people at one host, all logged in at the same time."""
    accounts = {f"Trooper-{number}": f"fn={number}" for number in range(1, MANY + 1)}
    server = stage.server(accounts=accounts)
    seats = stage.host("seats")
    clients = [stage.terminal(seats, user) for user in accounts]
    for client in clients:
        client.logs_in(client.name, accounts[client.name])
    assert len(server.file("userlog.txt").lines()) == MANY
    for client in (clients[0], clients[-1]):
        assert len(client.asks("ATU")) == MANY - 1
