"""Blocking for 10 s after consecutive failures: SPEC S2."""

from toom_server.doorkeeper import BLOCK_PERIOD, MAX_UNKNOWN_NAMES, Doorkeeper


def test_the_failure_that_blocks() -> None:
    keeper = Doorkeeper(3, {"Yoda"})
    assert [keeper.count_failure("Yoda", now=0) for _ in range(3)] == [False, False, True]
    assert keeper.is_blocked("Yoda", now=BLOCK_PERIOD - 0.001)
    assert not keeper.is_blocked("Yoda", now=BLOCK_PERIOD)


def test_one_attempt() -> None:
    assert Doorkeeper(1, {"Yoda"}).count_failure("Yoda", now=0)


def test_a_block_that_has_run_out_clears_the_failures() -> None:
    keeper = Doorkeeper(2, {"Yoda"})
    keeper.count_failure("Yoda", now=0)
    keeper.count_failure("Yoda", now=0)
    assert not keeper.is_blocked("Yoda", now=10)
    assert not keeper.count_failure("Yoda", now=10)


def test_a_success_clears_the_failures() -> None:
    keeper = Doorkeeper(2, {"Yoda"})
    keeper.count_failure("Yoda", now=0)
    keeper.clear("Yoda")
    assert not keeper.count_failure("Yoda", now=0)


def test_other_accounts_are_not_touched() -> None:
    keeper = Doorkeeper(1, {"Yoda", "Han"})
    keeper.count_failure("Yoda", now=0)
    assert not keeper.is_blocked("Han", now=0)


def test_unknown_names_are_treated_alike() -> None:
    keeper = Doorkeeper(2, {"Yoda"})
    assert [keeper.count_failure("Nobody", now=0) for _ in range(2)] == [False, True]
    assert keeper.is_blocked("Nobody", now=5)
    assert not keeper.is_blocked("Nobody", now=10)


def test_unknown_names_take_bounded_memory_and_touch_no_account() -> None:
    keeper = Doorkeeper(2, {"Yoda"})
    keeper.count_failure("Yoda", now=0)
    for number in range(MAX_UNKNOWN_NAMES + 50):
        keeper.count_failure(f"nobody-{number}", now=0)
    assert keeper.stranger_count == MAX_UNKNOWN_NAMES
    assert keeper.count_failure("Yoda", now=0)
