"""The cache that the loopback servers share keeps the vendors' rules."""

from __future__ import annotations

from dataclasses import replace

from servers.cache import ANTHROPIC, OPENAI, OPENAI_OLD, Block, PrefixCache, Rules

WORDS = "word " * 300  # 600 tokens
MORE = "else " * 300


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def cache_of(rules: Rules = ANTHROPIC) -> PrefixCache:
    CLOCK.now = 0.0
    return PrefixCache(rules, CLOCK)


def sent(cache: PrefixCache, *blocks: Block, scope: str = "model"):
    """Ask and stream: (total, read, written)."""
    found = cache.ask(scope, blocks)
    cache.begin(found)
    return found.total, found.read, sum(found.written.values())


def test_an_entry_is_written_at_a_mark_and_read_where_a_block_ends():
    cache = cache_of()
    first, rest = Block(WORDS, 300), Block("question one")
    assert sent(cache, first, rest) == (603, 0, 600)
    assert sent(cache, first, Block("another")) == (601, 600, 0)
    assert sent(cache, Block(WORDS + "more", 300)) == (601, 0, 601)
    assert sent(cache, first, Block(MORE, 300)) == (1200, 600, 600)
    assert sent(cache, first, Block(MORE), Block("x", 300)) == (1201, 1200, 1)


def test_nothing_below_the_minimum():
    cache = cache_of()
    small = Block("few words", 300)
    assert sent(cache, small) == sent(cache, small) == (3, 0, 0)


def test_readable_only_once_the_response_has_begun():
    cache = cache_of()
    blocks = [Block(WORDS, 300)]
    one, two = cache.ask("m", blocks), cache.ask("m", blocks)
    assert (one.read, two.read) == (0, 0)
    cache.begin(one)
    assert cache.ask("m", blocks).read == 600


def test_scope_and_salt_part_caches():
    cache = cache_of()
    blocks = [Block(WORDS, 300), Block(MORE, 300, salt="thinking")]
    assert sent(cache, *blocks)[1] == 0
    assert sent(cache, *blocks, scope="other")[1] == 0
    assert sent(cache, blocks[0], replace(blocks[1], salt="none"))[1] == 600
    assert sent(cache, replace(blocks[0], salt="tools"), blocks[1])[1] == 0
    assert sent(cache, *blocks)[1] == 1200


def test_lifetimes_and_refresh():
    cache = cache_of()
    short, long = Block(WORDS, 300), Block(MORE, 3600)
    sent(cache, long, short)
    CLOCK.now = 299
    assert sent(cache, long, short)[1] == 1200  # and it lives 300 s more
    CLOCK.now = 500
    assert sent(cache, long, short)[1] == 1200
    CLOCK.now = 900
    assert sent(cache, long, short)[1] == 600
    CLOCK.now = 900 + 3600
    assert sent(cache, long, short)[1] == 0


def test_looking_back_ends_after_twenty_blocks():
    cache = cache_of()
    sent(cache, Block(WORDS, 300))
    for blocks, read in ((19, 600), (20, 0)):
        tail = [Block("x ")] * (blocks - 1)
        assert sent(cache, Block(WORDS), *tail, Block("end", 300))[1] == read
        cache.forget()
        sent(cache, Block(WORDS, 300))


def test_without_looking_back_only_marks_are_read():
    cache = cache_of(OPENAI)
    cut = [Block(WORDS * 2, 1800), Block(MORE, 1800), Block("q")]
    assert sent(cache, *cut) == (1801, 0, 1800)
    assert sent(cache, Block(WORDS * 2), Block(MORE, 1800), Block("r"))[1] == 1800
    assert sent(cache, Block(WORDS * 2), Block("new"), Block(MORE, 1800))[1] == 0
    assert sent(cache, Block(WORDS * 2, 1800), Block("new"))[1] == 1200


def test_only_the_latest_four_are_written():
    cache = cache_of(OPENAI)
    cut = [Block(WORDS * 2, 1800), *(Block(f"{n} ", 1800) for n in range(4))]
    sent(cache, *cut)
    assert sent(cache, cut[0], Block("other"))[1] == 0
    assert sent(cache, *cut[:2])[1] == 1202


def test_cuts_count_or_not():
    for cuts, read in ((True, 0), (False, 1200)):
        cache = cache_of(replace(ANTHROPIC, cuts=cuts))
        sent(cache, Block(WORDS), Block(MORE, 300))
        assert sent(cache, Block(WORDS + MORE, 300))[1] == read


def test_an_automatic_cache_serves_whole_steps():
    cache = cache_of(OPENAI_OLD)
    assert sent(cache, Block(WORDS * 2 + "why")) == (1201, 0, 0)
    assert sent(cache, Block(WORDS * 2), Block("who")) == (1201, 1152, 0)
    assert sent(cache, Block(WORDS), Block(MORE))[1] == 0
    assert sent(cache, Block(WORDS * 2), scope="other")[1] == 0
    assert sent(cache, Block(WORDS * 2, salt="effort"))[1] == 0
