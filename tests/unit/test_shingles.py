from __future__ import annotations

import random

import numpy as np
import pytest

from simsvc.domain.shingles import (
    GAP,
    WIDTH,
    Shingles,
    shingles_of,
    shingles_of_all,
    word_spans,
    words_of,
)

KEY = b"k" * 32


def _words(rng: random.Random, count: int) -> list[str]:
    return [f"w{rng.randrange(10**9)}" for _ in range(count)]


def _of(words: list[str]) -> Shingles:
    return shingles_of(" ".join(words), KEY)


@pytest.mark.parametrize("seed", range(10))
def test_texts_that_share_a_run_keep_a_shingle_of_it_wherever_it_lies(seed: int) -> None:
    rng = random.Random(seed)
    run = _words(rng, WIDTH + GAP)
    inside = set()
    for before, after in [(0, 0), (0, 9), (9, 0), (1, 1), (7, 30), (40, 3), (2, 17)]:
        found = _of([*_words(rng, before), *run, *_words(rng, after)])
        lies = (found.starts >= before) & (found.starts + WIDTH <= before + len(run))
        inside.add(frozenset(found.hashes[lies].tolist()))
    assert frozenset.intersection(*inside)


@pytest.mark.parametrize("seed", range(5))
def test_texts_that_share_no_run_of_the_width_keep_nothing_in_common(seed: int) -> None:
    rng = random.Random(seed)
    run = _words(rng, WIDTH - 1)
    first = _of([*_words(rng, 5), *run, *_words(rng, 20)])
    second = _of([*_words(rng, 8), *run, *_words(rng, 9)])
    assert not set(first.hashes.tolist()) & set(second.hashes.tolist())


def test_of_three_shingles_in_a_row_one_is_kept() -> None:
    found = _of(_words(random.Random(1), 100))
    # 100 words have 95 shingles, 93 windows of three.
    starts = found.starts.tolist()
    assert starts == sorted(set(starts))
    assert all(any(at <= s < at + GAP + 1 for s in starts) for at in range(93))
    assert len(starts) < 95


def test_a_shingle_hangs_on_its_words_and_their_order() -> None:
    words = _words(random.Random(2), WIDTH)
    [forth] = _of(words).hashes.tolist()
    [back] = _of(words[::-1]).hashes.tolist()
    assert forth != back


def test_case_signs_and_blanks_between_words_are_nothing() -> None:
    plain = shingles_of("one two three four five six seven", KEY).hashes
    loud = shingles_of("  ONE, two -- Three;\nfour\tFIVE (six) seven!", KEY).hashes
    assert plain.tolist() == loud.tolist()


def test_shingles_hang_on_the_key() -> None:
    text = "one two three four five six seven eight"
    other = set(shingles_of(text, b"x" * 64).hashes.tolist())
    assert not other & set(shingles_of(text, KEY).hashes.tolist())


@pytest.mark.parametrize("text", ["", "   ", "?!…", "one two three four five", "一二三四五"])
def test_a_text_of_fewer_words_than_the_width_has_none(text: str) -> None:
    found = shingles_of(text, KEY)
    assert len(found.hashes) == len(found.starts) == 0
    assert word_spans(text).shape[1:] == (2,)


def test_a_text_of_the_width_has_one() -> None:
    found = shingles_of("one two three four five six", KEY)
    assert found.starts.tolist() == [0]


def test_spans_are_where_the_words_stand() -> None:
    text = "Say: 'naïve' is 2 words, not three"
    spans = word_spans(text).tolist()
    assert [text[a:b] for a, b in spans] == ["Say", "naïve", "is", "2", "words", "not", "three"]


def test_every_sign_of_a_script_without_spaces_is_a_word() -> None:
    text = "请把 GPT4 这句话"
    spans = word_spans(text).tolist()
    assert [text[a:b] for a, b in spans] == ["请", "把", "GPT4", "这", "句", "话"]


def test_chinese_texts_that_share_a_run_keep_a_shingle_of_it() -> None:
    run = "请把下面的句子翻译成英文"
    first = shingles_of("你好" + run + "今天天气很好", KEY)
    second = shingles_of(run + "我想去北京旅游明年春天", KEY)
    other = shingles_of("我想去北京旅游明年春天再回来看看大家", KEY)
    assert set(first.hashes.tolist()) & set(second.hashes.tolist())
    assert not set(first.hashes.tolist()) & set(other.hashes.tolist())


def test_of_a_very_long_text_little_is_kept_and_from_its_two_ends_alone() -> None:
    text = " ".join(_words(random.Random(3), 20_000))
    found = shingles_of(text, KEY)
    assert len(found.hashes) <= 3 * 72
    spans = word_spans(text)
    assert len(spans) <= 1600
    assert (spans[0, 0], spans[-1, 1]) == (0, len(text))
    near = np.minimum(spans[:, 0], len(text) - spans[:, 1])
    assert near.max() < 16_000 < len(text) / 2
    kept = spans[found.starts, 0]
    assert (kept < len(text) / 2).any()
    assert (kept > len(text) / 2).any()


def test_a_long_text_without_spaces_is_bounded_too() -> None:
    signs = [chr(0x4E00 + n) for n in range(5000)]
    random.Random(4).shuffle(signs)
    text = "".join(signs) * 4
    assert len(shingles_of(text, KEY).hashes) <= 3 * 72
    assert len(words_of(text)) <= 9000


def test_long_texts_that_share_much_keep_much_in_common() -> None:
    rng = random.Random(5)
    shared = _words(rng, 400)
    first = _of([*_words(rng, 20), *shared])
    second = _of([*shared, *_words(rng, 30)])
    common = set(first.hashes.tolist()) & set(second.hashes.tolist())
    assert len(common) > 0.8 * len(first.hashes)


def test_starts_and_hashes_belong_together() -> None:
    words = _words(random.Random(6), 400)
    found = _of(words)
    for start, value in list(zip(found.starts.tolist(), found.hashes.tolist(), strict=True))[::9]:
        assert _of(words[start : start + WIDTH]).hashes.tolist() == [value]


def test_signs_that_are_no_text_do_no_harm() -> None:
    text = "\ud800 a b c d e f \x00 g 😀 h"
    assert shingles_of(text, KEY).hashes.dtype == np.uint64
    assert len(words_of(text)) == 8


@pytest.mark.parametrize("repeats", [1, 300])
def test_words_lie_where_they_are_said_to_lie(repeats: int) -> None:
    text = "Groß-ÄRGER, 请把 GPT4's \ud800 déjà_vu ﬁn.\n" * repeats
    spans = word_spans(text).tolist()
    assert words_of(text) == [text[begin:end].casefold() for begin, end in spans]
    assert (len(text) > 9000) == (len(spans) < 8 * repeats)


# Printed by the first version of the code: what is recorded is compared with what comes later.
GOLDEN = {
    "one two three four five six seven eight nine ten": [
        (0, 3802493331391855184),
        (1, 10591065292762166775),
        (4, 12911152716145601531),
    ],
    "Schreibe bitte eine kurze Zusammenfassung des folgenden Textes, in drei S\u00e4tzen:": [
        (0, 7851809836469644107),
        (3, 4861350843312307678),
    ],
    "\u8bf7\u7528\u4e09\u53e5\u8bdd\u603b\u7ed3\u4e0b\u9762\u7684\u6587\u7ae0": [
        (2, 7813770836951472220),
        (4, 4472181819223494846),
    ],
}


@pytest.mark.parametrize("text", GOLDEN)
def test_shingles_stay_what_they_were(text: str) -> None:
    found = shingles_of(text, KEY)
    assert list(zip(found.starts.tolist(), found.hashes.tolist(), strict=True)) == GOLDEN[text]


@pytest.mark.parametrize("seed", range(20))
def test_a_text_keeps_the_same_shingles_whatever_lies_beside_it(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [*range(WIDTH + 6), 30, 300, 0, 1500, *rng.choices(range(40), k=20)]
    rng.shuffle(lengths)
    # Few words, so that shingles recur and the least is not the only one.
    texts = [" ".join(f"w{rng.randrange(4)}" for _ in range(n)) for n in lengths]
    together = shingles_of_all(texts, KEY)
    for text, found in zip(texts, together, strict=True):
        alone = shingles_of(text, KEY)
        np.testing.assert_array_equal(found.hashes, alone.hashes)
        np.testing.assert_array_equal(found.starts, alone.starts)


@pytest.mark.parametrize("count", [*range(WIDTH, WIDTH + 9), 40])
def test_the_least_of_each_window_is_kept(count: int) -> None:
    words = _words(random.Random(count), count)
    each = [int(_of(words[i : i + WIDTH]).hashes[0]) for i in range(count - WIDTH + 1)]
    windows = [each[i : i + 3] for i in range(max(len(each) - 2, 1))]
    expected = sorted({i + window.index(min(window)) for i, window in enumerate(windows)})
    beside = " ".join(_words(random.Random(0), 20))
    [_, found, _] = shingles_of_all([beside, " ".join(words), beside], KEY)
    assert found.starts.tolist() == expected
    assert found.hashes.tolist() == [each[i] for i in expected]


def test_no_texts_have_no_shingles() -> None:
    assert shingles_of_all([], KEY) == []
