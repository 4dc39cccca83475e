"""PROTOCOL 5.2: how the two ends of a transfer come to keys, and who cannot."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.hello import (
    ATTEMPT_EVERY,
    MAX_ATTEMPTS,
    AudienceHandshake,
    PresenterHandshake,
)
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
    DATAGRAM_SIZES,
    LARGEST_DATAGRAM,
    PacketType,
    decode_header,
)

TICKET = bytes(range(32))
OFFER = Offer(1000, "lecture1.mp4")
LONGEST = Offer(2**63, "ü" * 100)  # of the longest name that a client sends


def keys(seed: int) -> KeyPair:
    return KeyPair.from_bytes(bytes([seed]) * 32)


YODA, HAN, LUKE = keys(1), keys(2), keys(3)
_fresh = itertools.count(10)


def fresh() -> KeyPair:
    return keys(next(_fresh) % 200 + 10)


def presenter(
    *,
    number: int = 7,
    ticket: bytes = TICKET,
    static: KeyPair = YODA,
    audience: KeyPair = HAN,
    offer: Offer = OFFER,
) -> PresenterHandshake:
    return PresenterHandshake(
        number, ticket, offer, static=static, ephemeral=fresh(), audience=audience.public
    )


def audience(*, static: KeyPair = HAN, announced: KeyPair = YODA) -> AudienceHandshake:
    return AudienceHandshake(7, TICKET, static=static, presenter=announced.public)


@pytest.mark.parametrize("size", DATAGRAM_SIZES)
@pytest.mark.parametrize("offer", [OFFER, LONGEST])
def test_both_ends_get_the_same_keys_and_the_offer_is_heard(size: int, offer: Offer) -> None:
    yoda, han = presenter(offer=offer), audience()
    hello = yoda.hello(3, size)
    assert len(hello) == size
    assert decode_header(hello)[0] is PacketType.HELLO
    assert offer.filename.encode() not in hello, "nobody on the path reads the name"
    assert han.receive(hello, fresh, now=0.0) == (3, offer)
    ours, theirs = yoda.welcomed(han.welcome), han.keys
    assert theirs is not None
    assert (ours.send, ours.receive) == (theirs.receive, theirs.send)
    assert ours.send != ours.receive
    assert han.datagram_size == size


def test_an_answer_is_shorter_than_any_hello() -> None:
    """RFC 9000 8: an address that has proved nothing gets no more than it has sent."""
    han = audience()
    han.receive(presenter().hello(0, BASE_DATAGRAM), fresh, now=0.0)
    assert len(han.welcome) < BASE_DATAGRAM / 10


def test_a_repeated_hello_is_answered_alike_and_a_longer_one_shows_a_wider_path() -> None:
    yoda, han = presenter(), audience()
    han.receive(yoda.hello(0, BASE_DATAGRAM), fresh, now=0.0)
    welcome = han.welcome
    assert han.receive(yoda.hello(1, LARGEST_DATAGRAM), fresh, now=0.0) == (1, OFFER)
    assert han.welcome == welcome
    assert han.datagram_size == LARGEST_DATAGRAM
    han.receive(yoda.hello(2, BASE_DATAGRAM), fresh, now=0.0)
    assert han.datagram_size == LARGEST_DATAGRAM


@pytest.mark.parametrize(
    "stranger",
    [
        presenter(ticket=bytes(32)),
        presenter(static=LUKE),
        presenter(audience=LUKE),
        presenter(number=8),
    ],
    ids=["no ticket", "another key", "for somebody else", "another number"],
)
def test_who_is_not_announced_is_not_welcome_and_the_right_one_still_is(
    stranger: PresenterHandshake,
) -> None:
    han, yoda = audience(), presenter()
    with pytest.raises(MalformedPacket):
        han.receive(stranger.hello(0, BASE_DATAGRAM), fresh, now=0.0)
    assert han.keys is None
    assert han.welcome == b""
    assert han.receive(yoda.hello(0, BASE_DATAGRAM), fresh, now=0.0) == (0, OFFER)
    assert yoda.welcomed(han.welcome)


def test_no_second_hello_is_taken() -> None:
    han = audience()
    han.receive(presenter().hello(0, BASE_DATAGRAM), fresh, now=0.0)
    with pytest.raises(MalformedPacket, match="another hello"):
        han.receive(presenter().hello(1, BASE_DATAGRAM), fresh, now=0.0)


def test_who_guesses_costs_a_bounded_number_of_exchanges() -> None:
    """Whoever has the ticket and not the key; nobody else costs one at all."""
    han = audience()
    for number in range(MAX_ATTEMPTS):
        with pytest.raises(MalformedPacket, match="verify|initiator"):
            han.receive(presenter(static=LUKE).hello(number, BASE_DATAGRAM), fresh, now=0.0)
    with pytest.raises(MalformedPacket, match="too many"):
        han.receive(presenter().hello(9, BASE_DATAGRAM), fresh, now=0.0)


def test_who_guesses_from_elsewhere_does_not_shut_the_announced_address_out() -> None:
    """PROTOCOL 5.2: the two are counted apart."""
    han = audience()
    for number in range(MAX_ATTEMPTS + 1):
        guess = presenter(static=LUKE).hello(number, BASE_DATAGRAM)
        with pytest.raises(MalformedPacket):
            han.receive(guess, fresh, now=0.0, announced=False)
    with pytest.raises(MalformedPacket, match="too many"):
        han.receive(presenter().hello(9, BASE_DATAGRAM), fresh, now=0.0, announced=False)
    assert han.receive(presenter().hello(9, BASE_DATAGRAM), fresh, now=0.0) == (9, OFFER)


def test_who_guesses_does_not_use_up_the_ticket() -> None:
    """PROTOCOL 5.2: the presenter says hello again for 15 s, and one more is heard now and then."""
    han = audience()
    for number in range(10 * MAX_ATTEMPTS):
        with pytest.raises(MalformedPacket):
            han.receive(presenter(static=LUKE).hello(number, BASE_DATAGRAM), fresh, now=0.0)
    right = presenter().hello(50, BASE_DATAGRAM)
    with pytest.raises(MalformedPacket, match="too many"):
        han.receive(right, fresh, now=0.9 * ATTEMPT_EVERY)
    assert han.receive(right, fresh, now=1.1 * ATTEMPT_EVERY) == (50, OFFER)


def test_in_thirty_seconds_guesses_cost_less_than_a_hundred_exchanges() -> None:
    han, costs = audience(), 0
    guess = presenter(static=LUKE).hello(0, BASE_DATAGRAM)
    for tick in range(3000):
        with pytest.raises(MalformedPacket) as fault:
            han.receive(guess, fresh, now=tick / 100)
        costs += "too many" not in str(fault.value)
    assert 60 <= costs <= 63


def test_a_welcome_of_somebody_else_is_none() -> None:
    yoda, luke = presenter(), presenter(static=LUKE)
    han = audience(announced=LUKE)
    han.receive(luke.hello(0, BASE_DATAGRAM), fresh, now=0.0)
    with pytest.raises(MalformedPacket):
        yoda.welcomed(han.welcome)
    right = audience()
    right.receive(yoda.hello(0, BASE_DATAGRAM), fresh, now=0.0)
    assert yoda.welcomed(right.welcome)


@given(st.integers(0, 8 * BASE_DATAGRAM - 1))
def test_any_flipped_bit_of_a_hello_is_noticed(bit: int) -> None:
    hello = bytearray(presenter().hello(0, BASE_DATAGRAM))
    hello[bit // 8] ^= 1 << bit % 8
    with pytest.raises(MalformedPacket):
        audience().receive(bytes(hello), fresh, now=0.0)


@given(st.binary(max_size=1500))
def test_any_bytes_fail_in_one_way_only(content: bytes) -> None:
    with pytest.raises(MalformedPacket):
        audience().receive(content, fresh, now=0.0)
    with pytest.raises(MalformedPacket):
        presenter().welcomed(content)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(MalformedPacket):
        PresenterHandshake(7, TICKET, OFFER, static=YODA, ephemeral=fresh(), audience=bytes(32))
