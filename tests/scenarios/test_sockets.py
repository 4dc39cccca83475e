"""What a kernel's table of sockets tells."""

from toom_scenarios import Stage
from toom_scenarios.sockets import ESTABLISHED, LISTENING, Socket, parse

from .conftest import shell

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1
   1: 0100007F:9C40 0100007F:0FA0 01 00000000:00000000 00:00000000 00000000     0        0 78 1
cat: /proc/net/tcp6: No such file or directory
"""


def test_rows_of_a_table_and_nothing_else() -> None:
    assert parse(TABLE) == [Socket(4000, 0, LISTENING), Socket(40000, 4000, ESTABLISHED)]
    assert parse("") == []


def test_a_hosts_udp_sockets_are_seen(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    port = host.machine.udp_port(8000)
    assert port not in {each.port for each in host.sockets("udp")}
    holder = shell(bare_stage, f"exec python3 -c '{HOLD % port}'")
    holder.sees("up")
    assert port in {each.port for each in host.sockets("udp")}


HOLD = (
    'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", %d));'
    ' print("up", flush=True); s.recv(1)'
)
