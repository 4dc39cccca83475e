"""SPEC S12 on a virtual clock: a few of the transfers that `make transfers` simulates."""

import pytest

from tests.transfers.simulation import simulate

SEEDS = range(1000, 1040)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_a_file_is_identical_or_refused(seed: int) -> None:
    simulate(seed)


def test_the_same_seed_does_the_same() -> None:
    assert simulate(3) == simulate(3)
