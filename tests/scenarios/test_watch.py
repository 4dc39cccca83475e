"""What a timeline learns from the hosts' directories."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from toom_scenarios import Broken, Stage
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.diary import Diary
from toom_scenarios.hosts.base import Completed
from toom_scenarios.hosts.local_machine import LocalMachine
from toom_scenarios.watch import LARGEST_LOG, Directory, Sighting, look_into

from .conftest import setting, shell

LOG = "messagelog.txt"


class Disk:
    """A directory that changes when it is told to."""

    def __init__(self) -> None:
        self.files: dict[str, Sighting] = {}
        self.contents: dict[str, bytes] = {}
        self.told: list[tuple[float, str, str]] = []
        self.directory = Directory(
            lambda: dict(self.files),
            self._read,
            lambda at, sign, text: self.told.append((at, sign, text)),
        )

    def _read(self, name: str) -> bytes:
        if name not in self.contents:
            raise FileNotFoundError(name)
        return self.contents[name]

    def write(self, name: str, content: bytes, at: float) -> None:
        self.contents[name] = content
        self.files[name] = Sighting(len(content), at)

    def news(self, *, last: bool = False) -> list[tuple[float, str, str]]:
        self.told.clear()
        self.directory.look(last=last)
        return list(self.told)


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_lines_of_a_log_are_told_once_each_and_whole(disk: Disk) -> None:
    disk.write(LOG, b"", 1.0)
    assert disk.news() == [(1.0, "+", f"{LOG} appears, empty")]
    disk.write(LOG, b"1; a\n2; ha", 2.0)
    assert disk.news() == [(2.0, "+", f"{LOG}: 1; a")]
    assert disk.news() == []
    disk.write(LOG, b"1; a\n2; half\n3; c\n", 3.0)
    assert disk.news() == [(3.0, "+", f"{LOG}: 2; half"), (3.0, "+", f"{LOG}: 3; c")]


def test_a_line_that_goes_from_userlog_is_told(disk: Disk) -> None:
    disk.write("userlog.txt", b"1; Yoda\n2; Han\n", 1.0)
    disk.news()
    disk.write("userlog.txt", b"1; Han\n", 2.0)
    assert [row[1:] for row in disk.news()] == [
        ("-", "userlog.txt: 1; Yoda"),
        ("-", "userlog.txt: 2; Han"),
        ("+", "userlog.txt: 1; Han"),
    ]


@pytest.mark.parametrize("name", ["SR_7_messagelog.txt", "here/userlog.txt"])
def test_logs_are_known_by_their_names(disk: Disk, name: str) -> None:
    disk.write(name, b"line\n", 1.0)
    assert disk.news() == [(1.0, "+", f"{name}: line")]


def test_a_huge_log_is_a_file_like_others(disk: Disk) -> None:
    disk.write(LOG, b"x" * (LARGEST_LOG + 1), 1.0)
    disk.news()
    assert disk.news() == [(1.0, "+", f"{LOG} appears: {LARGEST_LOG + 1} bytes")]


def test_a_file_is_told_when_nobody_writes_on_it_any_more(disk: Disk) -> None:
    disk.write("a.mp4", b"x", 1.0)
    assert disk.news() == []
    disk.write("a.mp4", b"xx", 2.0)
    assert disk.news() == []
    assert disk.news() == [(2.0, "+", "a.mp4 appears: 2 bytes")]
    disk.write("a.mp4", b"xxx", 3.0)
    assert disk.news(last=True) == [(3.0, "+", "a.mp4 is now 3 bytes")]
    del disk.files["a.mp4"]
    assert [row[1:] for row in disk.news()] == [("-", "a.mp4 is gone")]


def test_what_the_scenario_puts_there_is_no_news(disk: Disk) -> None:
    disk.directory.expected.add("a.mp4")
    disk.write("a.mp4", b"x", 1.0)
    assert disk.news(last=True) == []
    disk.write("a.mp4", b"xx", 2.0)
    assert disk.news(last=True) == [(2.0, "+", "a.mp4 is now 2 bytes")]


def test_a_log_that_is_replaced_between_look_and_reading_waits(disk: Disk) -> None:
    disk.write(LOG, b"1; a\n", 1.0)
    content = disk.contents.pop(LOG)
    assert disk.news() == []
    disk.contents[LOG] = content
    assert disk.news() == [(1.0, "+", f"{LOG}: 1; a")]


def test_a_file_arrives_when_it_gets_its_name(tmp_path: Path) -> None:
    (tmp_path / ".toom").mkdir()
    hidden = tmp_path / ".toom" / "half"
    hidden.write_bytes(b"film")
    os.utime(hidden, (1.0, 1.0))
    assert look_into(tmp_path) == {}
    before = time.time()
    hidden.rename(tmp_path / "film.mp4")
    sighting = look_into(tmp_path)["film.mp4"]
    assert sighting.size == 4
    assert before - 0.1 < sighting.changed <= time.time()


def rows(folder: Path) -> list[str]:
    return [
        row[10:].strip()
        for row in (folder / "timeline.txt").read_text().splitlines()
        if not row.startswith("#")
    ]


def test_files_stand_between_what_was_typed_and_what_was_seen(tmp_path: Path) -> None:
    stage = Stage("test", tmp_path, setting())
    slow = "sleep 0.05"  # more than the kernel's times may be early
    work = f"{slow}; echo '1; a' > {LOG}; mv given taken; {slow}"
    script = f"echo begun; read x; {work}; echo done; read y"
    stage.host("host").put("given", b"12345")
    terminal = shell(stage, script)
    terminal.sees("begun")
    terminal.types("go")
    terminal.sees("done")
    stage.close(None)
    told = rows(tmp_path)
    order = [
        *("host = is given given, 5 bytes", "host-1 < begun", "host-1 > go"),
        *("host + taken appears: 5 bytes", "host-1 < done"),
    ]
    assert [row for row in told if row in order] == order
    assert told.index(f"host + {LOG}: 1; a") < told.index("host-1 < done")


def test_while_the_stage_lives_its_files_are_watched(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    (Path(host.directory) / "film.mp4").write_bytes(b"1234")
    wanted = "host + film.mp4 appears: 4 bytes"
    assert wait_for(lambda: wanted in rows(bare_stage.folder), Deadline(10))


class Far(LocalMachine):
    """A host that is looked into as if it were elsewhere; its clock may be ahead, in seconds."""

    ahead = 0.0
    refuses = False

    def __init__(self, folder: Path) -> None:
        where = folder / "hosts"
        super().__init__("host", "10.0.0.1", where, entry=(), ports=None, guardian=None)

    def run(self, command: Sequence[str], within: float) -> Completed:
        if self.refuses:
            raise Broken("no answer")
        told = super().run(command, within).output.decode()
        shifted = re.sub(r"(?m)^[0-9.]+", lambda at: f"{float(at[0]) + self.ahead:.9f}", told)
        return Completed(0, shifted.encode())


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path)


@pytest.fixture
def diary(far: Far, tmp_path: Path) -> Diary:
    made = Diary(tmp_path, here=False)
    made.takes(far)
    return made


def news(folder: Path) -> list[str]:
    return [row for row in rows(folder) if " = " not in row]


def ended(diary: Diary, folder: Path) -> list[str]:
    diary.settle()
    diary.close()
    return news(folder)


def now() -> str:
    return time.strftime("%-d %b %Y %H:%M:%S")


def test_elsewhere_logs_are_looked_at_while_the_server_runs(
    far: Far, diary: Diary, tmp_path: Path
) -> None:
    far.write_file(LOG, b"1; before\n")
    diary.serves("host")
    diary.serves("host")
    far.write_file(LOG, b"1; before\n2; after\n")
    far.write_file("film.mp4", b"1234")
    row = f"host + {LOG}: 2; after"
    assert wait_for(lambda: row in news(tmp_path), Deadline(10))
    far.write_file("userlog.txt", b"1; Yoda\n")
    assert sorted(ended(diary, tmp_path)) == [
        "host + film.mp4 is there: 4 bytes",
        row,
        "host + userlog.txt: 1; Yoda",
    ]


def test_elsewhere_lines_that_nobody_saw_are_placed_by_their_times(
    far: Far, diary: Diary, tmp_path: Path
) -> None:
    far.write_file(LOG, f"1; {now()}; Yoda; a\n2; 1 Jun 2001 01:01:01; Yoda; odd\n".encode())
    far.write_file(".toom/hidden", b"1234")
    diary.put("host", "given", 4)
    far.write_file("given", b"1234")
    told = ended(diary, tmp_path)
    assert [row.partition("; ")[0] for row in told] == [f"host ~ {LOG}: 1", f"host ~ {LOG}: 2"]


def test_a_host_that_cannot_be_looked_into_is_no_failure(
    far: Far, diary: Diary, tmp_path: Path
) -> None:
    diary.serves("host")
    far.refuses = True
    far.write_file(LOG, f"1; {now()}; Yoda; a\n".encode())
    diary.settle()
    diary.close()
    assert "host = its files cannot be looked at: no answer" in rows(tmp_path)
    assert len(news(tmp_path)) == 1
    assert news(tmp_path)[0].startswith(f"host ~ {LOG}: 1; ")


@pytest.mark.parametrize("ahead", [120.0, -120.0])
def test_a_clock_that_differs_is_told_and_taken_into_account(
    far: Far, diary: Diary, tmp_path: Path, ahead: float
) -> None:
    far.ahead = ahead
    diary.serves("host")
    far.write_file("film.mp4", b"1234")
    far.write_file(LOG, b"1; a\n")
    assert sorted(ended(diary, tmp_path)) == [
        "host + film.mp4 is there: 4 bytes",
        f"host + {LOG}: 1; a",
    ]
    told = [row for row in rows(tmp_path) if "its clock is" in row]
    assert len(told) == 1
    assert told[0].startswith(f"host = its clock is {'+' if ahead > 0 else '-'}1")


def test_how_each_host_was_is_written_down(diary: Diary, tmp_path: Path) -> None:
    ended(diary, tmp_path)
    assert (tmp_path / "states.txt").read_text().startswith("host: ")
