"""SPEC S4."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.errors import MalformedTimestamp
from toom_protocol.timestamps import format_timestamp, parse_timestamp

TIMES = st.datetimes(min_value=datetime(1, 1, 1)).map(lambda at: at.replace(microsecond=0))


def test_the_form_of_the_specification() -> None:
    at = datetime(2022, 6, 1, 16, 1, 20)
    assert format_timestamp(at) == "1 Jun 2022 16:01:20"
    assert parse_timestamp("1 Jun 2022 16:01:20") == at


def test_a_leading_zero_in_the_day_is_accepted() -> None:
    assert parse_timestamp("01 Jun 2022 16:01:20") == datetime(2022, 6, 1, 16, 1, 20)


@given(TIMES)
def test_what_is_written_can_be_read(at: datetime) -> None:
    assert parse_timestamp(format_timestamp(at)) == at


@pytest.mark.parametrize(
    "text",
    [
        *(
            "31 Feb 2022 10:00:00",
            "1 Jun 2022 25:00:00",
            "1 Jun 22 10:00:00",
            "0 Jun 2022 10:00:00",
        ),
        *("1 jun 2022 10:00:00", "1 Jun 2022 1:00:00", "1 Jun 2022 10:00", "001 Jun 2022 10:00:00"),
        *(
            " 1 Jun 2022 10:00:00",
            "1 Jun 2022 10:00:00 ",
            "1  Jun 2022 10:00:00",
            "",
            "1 Juni 2022",
        ),
        *(
            "1 Jun 0000 10:00:00",
            "١ Jun 2022 10:00:00",
            "1 Jun 2022 10:00:00\n",
            "1 Jun 2022 10:60:00",
        ),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedTimestamp):
        parse_timestamp(text)
