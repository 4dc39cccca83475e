"""Replies, prompts and notices on a terminal: SPEC S5."""

import os
from collections.abc import Callable

from toom_client.screen import Screen


def shown(story: Callable[[Screen], None]) -> str:
    reader, writer = os.pipe()
    screen = Screen(writer)
    story(screen)
    screen.close(5)
    os.close(writer)
    with open(reader, "rb") as pipe:
        return pipe.read().decode()


def test_a_notice_is_a_whole_line_and_the_prompt_stands_again() -> None:
    def story(screen: Screen) -> None:
        screen.prompt("> ", lambda: b"BCM he")
        screen.notice("Received a.mp4 from Yoda")

    assert shown(story) == "> \nReceived a.mp4 from Yoda\n> BCM he"


def test_first_the_reply_then_the_notice() -> None:
    def story(screen: Screen) -> None:
        screen.prompt("> ")
        screen.end_prompt()
        screen.notice("Received a.mp4 from Yoda")
        screen.line("reply")
        screen.prompt("> ")

    assert shown(story) == "> \nreply\nReceived a.mp4 from Yoda\n> "


def test_what_was_held_back_comes_before_the_farewell() -> None:
    def story(screen: Screen) -> None:
        screen.notice("Transfer of a.mp4 to Han failed: it was given up")
        screen.show_held()
        screen.line("Bye, Yoda!")

    assert shown(story).splitlines()[-1] == "Bye, Yoda!"


def test_a_notice_is_not_lost_at_the_end() -> None:
    assert shown(lambda screen: screen.notice("failed")) == "failed\n"


def test_strangers_cannot_steer_the_terminal() -> None:
    assert shown(lambda screen: screen.line("a\x1b[2Jb\tc\x9bd\udcff")) == "a�[2Jb\tc�d?\n"


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    screen = Screen(writer)
    screen.line("x")
    screen.line("y")
    screen.close(5)
    os.close(writer)
    assert not screen.is_behind
