"""What the tests of kills and of lost power share: how many, and what a log must then be."""

import os
from typing import Final

from toom_protocol.lines import Post

# `make kills` asks for the 500 of the promise; `make test` has no time for them.
MANY: Final = int(os.environ.get("TOOM_KILLS", "0"))
KILLS: Final = MANY or 10
CONFERENCES: Final = MANY or 10
SEEDS_OF_POWER: Final = range(MANY or 40)


def check_log(posts: list[Post], promised: dict[int, tuple[str, str]]) -> None:
    assert [post.number for post in posts] == list(range(1, len(posts) + 1))
    assert [post.at for post in posts] == sorted(post.at for post in posts)
    texts = [post.text for post in posts]
    assert len(set(texts)) == len(texts)
    assert not [text for text in texts if text.startswith("refused")]
    there = {post.number: (post.username, post.text) for post in posts}
    for number, said in promised.items():
        assert there.get(number) == said
