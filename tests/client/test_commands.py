"""Lines as they are typed: SPEC S5, S8 to S10, S12; PROTOCOL 4.2, 7.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_client.commands import (
    BAD_TIMESTAMP,
    COMMANDS,
    INVALID,
    MANAGE,
    MAX_ROOM_ID,
    PROMPT,
    TOO_LONG,
    USAGE,
    Complaint,
    Upload,
    parse_command,
    prompt_of,
)
from toom_client.line_editor import MAX_LINE
from toom_client.roster import Action, Order
from toom_protocol import messages as m


def test_the_prompt_of_the_specification() -> None:
    wanted = "Enter one of the following commands (BCM, ATU, SRB, SRM, RDM, OUT, UPD): "
    assert wanted == PROMPT


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("BCM Hello", m.Broadcast("Hello")),
        ("BCM  two spaces; kept  ", m.Broadcast(" two spaces; kept  ")),
        ("BCM a\tb", m.Broadcast("a\tb")),
        ("ATU", m.ListActive()),
        ("ATU   ", m.ListActive()),
        ("SRB Han Luke ", m.BuildRoom(("Han", "Luke"))),
        ("SRM 1 hi  there ", m.RoomMessage(1, "hi  there ")),
        ("SRM 007 hi", m.RoomMessage(7, "hi")),
        ("SRM 0 hi", m.RoomMessage(0, "hi")),
        ("SRM " + "9" * 5000 + " hi", m.RoomMessage(MAX_ROOM_ID, "hi")),
        (
            "RDM b 1 Jun 2022 16:01:20",
            m.ReadMessages(m.LogChoice.BROADCASTS, "1 Jun 2022 16:01:20"),
        ),
        ("RDM s 01 Jun 2022 16:01:20 ", m.ReadMessages(m.LogChoice.ROOMS, "1 Jun 2022 16:01:20")),
        ("OUT", m.LogOut()),
        ("UPD Han lecture1.mp4", Upload("Han", "lecture1.mp4")),
        ("", None),
        ("   ", None),
    ],
)
def test_commands(line: str, command: object) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    "line", ["bcm hi", "Atu", "BCMhi", "BCM\thi", " BCM hi", "hello", "\x01", "\udcff"]
)
def test_unknown_commands(line: str) -> None:
    assert parse_command(line) == Complaint(INVALID)


@pytest.mark.parametrize(
    "line",
    [
        *("BCM", "BCM ", "BCM    ", "ATU x", "OUT now", "SRB", "SRB ", "SRB Han  Luke", "SRB  Han"),
        *("SRM", "SRM 1", "SRM 1 ", "SRM 1   ", "SRM x hi", "SRM -1 hi", "SRM 1.0 hi", "SRM ² hi"),
        *("SRM  1 hi", "RDM", "RDM b", "RDM b ", "UPD", "UPD Han", "UPD Han a b", "UPD  Han a"),
    ],
)
def test_the_usage_line(line: str) -> None:
    assert parse_command(line) == Complaint(USAGE[line[:3]])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("RDM x 1 Jun 2022 16:01:20", "Invalid message type: x. The valid types are b and s"),
        ("RDM x y", "Invalid message type: x. The valid types are b and s"),
        ("RDM b 31 Feb 2022 10:00:00", BAD_TIMESTAMP),
        ("RDM b  1 Jun 2022 16:01:20", BAD_TIMESTAMP),
        ("BCM a\x01b", "The message holds a control character; only tabs are allowed."),
        ("SRM 1 \udcff", "The message is not valid UTF-8."),
        ("BCM " + "x" * 8193, "The message is too long: at most 8192 bytes are allowed."),
        ("SRB H\x01an", "The line holds a control character."),
        ("UPD Han \udcff", "The line is not valid UTF-8."),
    ],
)
def test_complaints(line: str, why: str) -> None:
    assert parse_command(line) == Complaint(why)


@given(st.binary(max_size=100), st.sampled_from(sorted(USAGE)))
def test_any_line_is_understood_or_refused(rest: bytes, word: str) -> None:
    parse_command(rest.decode(errors="surrogateescape"))
    parse_command(f"{word} " + rest.decode(errors="surrogateescape"))


@pytest.mark.parametrize(
    "beginning", ["SRB Han ", "SRM " + "0" * 9000 + "1 ", "UPD ", "ATU ", "RDM b "]
)
def test_a_line_of_which_the_end_is_missing_is_refused(beginning: str) -> None:
    """PROTOCOL 7.1: what was typed beyond the bound must not be left out in silence."""
    line = (beginning + "Han " * MAX_LINE)[:MAX_LINE]
    assert parse_command(line) == Complaint(TOO_LONG)


def test_a_message_that_was_cut_is_too_long() -> None:
    line = ("BCM " + "m" * MAX_LINE)[:MAX_LINE]
    assert parse_command(line) == Complaint(
        "The message is too long: at most 8192 bytes are allowed."
    )


def test_trf_is_a_command_only_with_manage() -> None:
    """PROTOCOL 5.15; SPEC S5's list of commands stays as it is without."""
    assert parse_command("TRF") == Complaint(INVALID)
    assert parse_command("TRF", (*COMMANDS, MANAGE)) == Order()
    assert prompt_of((*COMMANDS, MANAGE)).endswith("(BCM, ATU, SRB, SRM, RDM, OUT, UPD, TRF): ")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("TRF  ", Order()),
        ("TRF pause 1", Order(Action.PAUSE, 1)),
        ("TRF continue 007 ", Order(Action.CONTINUE, 7)),
        ("TRF cancel 0", Order(Action.CANCEL, 0)),
        ("TRF pause 999999999", Order(Action.PAUSE, 999_999_999)),
        ("TRF pause 1000000000", Complaint("There is no transfer 1000000000.")),
        ("TRF cancel 00000000000000000000001", Order(Action.CANCEL, 1)),
        ("TRF retry 1" + "0" * 19, Complaint("There is no transfer 10000000000000000000.")),
        ("TRF pause 1" + "0" * 26, Complaint("There is no transfer 10000000000000000000….")),
        ("TRF retry " + "9" * 5000, Complaint(f"There is no transfer {'9' * 20}….")),
        ("TRF pause", Complaint(USAGE["TRF"])),
        ("TRF stop 1", Complaint(USAGE["TRF"])),
        ("TRF PAUSE 1", Complaint(USAGE["TRF"])),
        ("TRF pause x", Complaint(USAGE["TRF"])),
        ("TRF pause \u0663", Complaint(USAGE["TRF"])),
        ("TRF pause 1 2", Complaint(USAGE["TRF"])),
        ("TRF  pause 1", Complaint(USAGE["TRF"])),
    ],
)
def test_transfers_are_looked_after(line: str, command: object) -> None:
    assert parse_command(line, (*COMMANDS, MANAGE)) == command
    assert USAGE["TRF"] == "Usage: TRF [pause|continue|cancel|retry number]"
