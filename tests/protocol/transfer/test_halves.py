"""PROTOCOL 5.13: chunks in two halves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_protocol.transfer.halves import MAX_KEPT, HalfOpener, HalfSealer, JoinedChunk
from toom_protocol.transfer.packets import (
    BASE_DATAGRAM,
    CHUNK_SIZES,
    LARGEST_CHUNK,
    OVERHEAD,
    decode_header,
)

KEY = b"k" * 32


def sealed(
    content: bytes, number: int = 7, chunk: int = 0, size: int = LARGEST_CHUNK
) -> list[bytes]:
    sealer = HalfSealer(KEY, connection=9, chunk_size=size)
    return [
        halves[at : at + sealer.datagram_size]
        for halves in sealer.seal(number, chunk, memoryview(content))
        for at in range(0, len(halves), sealer.datagram_size)
    ]


def opener(size: int, chunk_size: int = LARGEST_CHUNK) -> HalfOpener:
    return HalfOpener(KEY, connection=9, chunk_size=chunk_size, size=size)


def opened(opener: HalfOpener, *datagrams: bytes) -> list[JoinedChunk]:
    found: list[JoinedChunk] = []
    for datagram in datagrams:
        found += opener.unseal(memoryview(datagram), 0, len(datagram), max(len(datagram), 1))
    return found


@given(
    size=st.integers(1, 5 * LARGEST_CHUNK),
    chunk_size=st.sampled_from(CHUNK_SIZES),
    seed=st.integers(0, 2**32),
)
def test_halves_in_any_order_and_twice_become_the_file(
    size: int, chunk_size: int, seed: int
) -> None:
    rng = random.Random(seed)
    content = rng.randbytes(size)
    datagrams = sealed(content, size=chunk_size)
    assert max(map(len, datagrams)) <= BASE_DATAGRAM
    nonces = {datagram[:12] for datagram in datagrams}
    assert len(nonces) == len(datagrams), "no header comes twice under the key"
    datagrams += rng.choices(datagrams, k=5)
    rng.shuffle(datagrams)
    found = {each.chunk: each for each in opened(opener(size, chunk_size), *datagrams)}
    assert b"".join(found[chunk].content for chunk in sorted(found)) == content
    assert all(each.packet_number == 7 + chunk for chunk, each in found.items())


def test_what_is_sent_at_once_comes_as_one_batch() -> None:
    content = random.Random(1).randbytes(3 * LARGEST_CHUNK + 800)
    sealer, taker = HalfSealer(KEY, connection=9, chunk_size=LARGEST_CHUNK), opener(len(content))
    found: list[JoinedChunk] = []
    for halves in sealer.seal(7, 0, memoryview(content)):
        kinds = {decode_header(halves[at : at + 28])[0] for at in range(0, len(halves), 740)}
        assert len(kinds) == 1, "of one type, so that they are one batch for who sorts them"
        found += taker.unseal(memoryview(halves), 0, len(halves), sealer.datagram_size)
    assert b"".join(each.content for each in found) == content


def test_halves_of_two_transmissions_fit() -> None:
    content = bytes(LARGEST_CHUNK)
    first, _ = sealed(content, number=7)
    _, second = sealed(content, number=9)
    assert opened(opener(len(content)), first, second) == [JoinedChunk(9, 0, content)]


@pytest.mark.parametrize(
    "change", ["flipped", "short", "long", "elsewhere", "past the end", "whole"]
)
def test_what_is_no_half_of_this_file_is_dropped(change: str) -> None:
    content = bytes(LARGEST_CHUNK)
    first, second = sealed(content)
    bad = {
        "flipped": first[:20] + bytes((first[20] ^ 1,)) + first[21:],
        "short": first[:-1],
        "long": first + b"\0",
        "elsewhere": b"\x50\0\0\x08" + first[4:],
        "past the end": sealed(content, chunk=1)[0],
        "whole": b"\0" + first[1:],
    }[change]
    taker = opener(len(content))
    assert opened(taker, bad, second) == []
    assert taker.dropped == 1
    assert opened(taker, first) == [JoinedChunk(7, 0, content)]


def test_what_waits_is_bounded() -> None:
    size = (MAX_KEPT + 1) * LARGEST_CHUNK
    taker = opener(size)
    chunks = [sealed(bytes(LARGEST_CHUNK), chunk=chunk) for chunk in range(MAX_KEPT + 1)]
    opened(taker, *(first for first, _ in chunks))
    assert opened(taker, chunks[0][1]) == [], "the oldest is gone"
    assert [each.chunk for each in opened(taker, chunks[-1][1])] == [MAX_KEPT]


def test_a_short_datagram_is_dropped() -> None:
    taker = opener(5)
    assert opened(taker, bytes(OVERHEAD - 1)) == []
    assert taker.dropped == 1
