"""`toom-server --check`: what is in order, what is not, and nothing changed."""

from pathlib import Path

from toom_server.checkup import examine

LOG = """\
1; 24 Nov 2026 10:00:00; Yoda; one
2; 24 Nov 2026 10:00:00; Han; two; three
"""


def faults(directory: Path) -> list[str]:
    return [found.text for found in examine(directory) if found.fault]


def test_logs_in_order(tmp_path: Path) -> None:
    (tmp_path / "messagelog.txt").write_text(LOG)
    (tmp_path / "SR_10_messagelog.txt").write_text("")
    (tmp_path / "SR_9_messagelog.txt").write_text(LOG)
    assert [found.text for found in examine(tmp_path)] == [
        "messagelog.txt: 2 messages",
        "SR_9_messagelog.txt: 2 messages",
        "SR_10_messagelog.txt: 0 messages",
    ]
    assert faults(tmp_path) == []


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    text = LOG + "4; 24 Nov 2026 09:59:59; Han; five\nhello\n\n5; 24 Nov 2026 10:00:01; Han; to"
    (tmp_path / "messagelog.txt").write_text(text)
    assert faults(tmp_path) == [
        "messagelog.txt, line 3: #4 follows #2",
        "messagelog.txt, line 3: earlier than the line before",
        "messagelog.txt, line 4: no message",
        "messagelog.txt, line 5: no message",
        "messagelog.txt, line 6: no newline at the end; a start repairs it",
    ]
    assert (tmp_path / "messagelog.txt").read_text() == text


def test_what_is_not_there(tmp_path: Path) -> None:
    assert faults(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: no such directory"]
    assert faults(tmp_path) == []
