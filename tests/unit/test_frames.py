from __future__ import annotations

import random
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain import frames
from simsvc.domain.frames import Framed, FrameRule, FrameTable, Note
from simsvc.domain.shingles import shingles_of

KEY = b"k" * 32
RULE = FrameRule(shared_by=5, least_words=8)
# Twelve words.
FRAME = "Act as a careful tutor and answer each question below in detail:"
OTHER = "Return nothing but valid JSON with these keys and no comment at all."


def _payload(seed: int, count: int = 12) -> str:
    rng = random.Random(seed)
    return " ".join(f"item{rng.randrange(10**9)}" for _ in range(count))


def _note(table: FrameTable, text: str, actor: int) -> None:
    table.note(shingles_of(text, KEY).hashes, actor)


def _apart(table: FrameTable, text: str) -> Framed:
    return table.take_apart(text, shingles_of(text, KEY))


def _name(table: FrameTable, text: str) -> int:
    hashes = shingles_of(text, KEY).hashes
    return table.name(hashes[_apart(table, text).inside])


def _taught(texts: list[str], slots: int = 2**16) -> FrameTable:
    """Return a table that has seen each text from another actor."""
    table = FrameTable(RULE, slots)
    for actor, text in enumerate(texts, start=1):
        _note(table, text, actor)
    return table


def test_a_fixed_beginning_is_frame() -> None:
    table = _taught([f"{FRAME} {_payload(n)}" for n in range(8)])
    text = f"{FRAME} {_payload(99)}"
    assert _apart(table, text).payload == f": {_payload(99)}"


def test_a_fixed_ending_is_frame() -> None:
    table = _taught([f"{_payload(n)}\n\n{FRAME}" for n in range(8)])
    framed = _apart(table, f"{_payload(99)}\n\n{FRAME}")
    # Winnowing may leave two words of it.
    assert framed.payload.startswith(_payload(99))
    assert len(framed.payload.split()) <= 12 + 2
    assert framed.inside.any()


def test_a_fixed_middle_is_frame_and_the_pieces_around_it_are_payload() -> None:
    middle = " ".join(FRAME.split()) + " " + OTHER
    table = _taught([f"{_payload(n)}. {middle} {_payload(n + 50)}" for n in range(8)])
    payload = _apart(table, f"{_payload(98)}. {middle} {_payload(99)}").payload
    first, last = payload.split("\n")
    # Winnowing may leave two words at either end of the frame.
    assert first.startswith(_payload(98))
    assert len(first.split()) <= 12 + 2
    assert last.endswith(_payload(99))
    assert len(last.split()) <= 12 + 2 + 1
    assert "valid JSON" not in payload


def test_a_frame_around_the_payload_is_taken_off_both_ends() -> None:
    table = _taught([f"{FRAME} {_payload(n)} {OTHER}" for n in range(8)])
    payload = _apart(table, f"{FRAME} {_payload(99)} {OTHER}").payload
    assert _payload(99) in payload
    assert "tutor" not in payload
    assert "JSON" not in payload


def test_only_shingles_of_the_frame_lie_inside() -> None:
    table = _taught([f"{FRAME} {_payload(n)}" for n in range(8)])
    text = f"{FRAME} {_payload(99)}"
    shingles = shingles_of(text, KEY)
    inside = table.take_apart(text, shingles).inside
    own = set(shingles_of(_payload(99), KEY).hashes.tolist())
    assert len(inside) == len(shingles.hashes)
    assert inside.any()
    assert not inside.all()
    # All words of those inside are the frame's twelve.
    assert shingles.starts[inside].max() + 6 <= 12
    assert not own & set(shingles.hashes[inside].tolist())


def test_turns_of_one_frame_share_its_name_and_other_frames_have_another() -> None:
    texts = [f"{FRAME} {_payload(n)}" for n in range(8)]
    texts += [f"{OTHER} {_payload(n)}" for n in range(50, 58)]
    table = _taught(texts)
    names = [_name(table, text) for text in texts]
    assert len(set(names[:8])) == 1
    assert len(set(names[8:])) == 1
    assert 0 not in names
    assert names[0] != names[8]


def test_frames_that_differ_in_a_few_words_share_a_name() -> None:
    words = [f"rule{n}" for n in range(40)]
    changed = [*words[:20], "changed", *words[21:]]
    texts = [f"{' '.join(words)} {_payload(n)}" for n in range(6)]
    texts += [f"{' '.join(changed)} {_payload(n)}" for n in range(10, 16)]
    table = _taught(texts)
    assert len({_name(table, text) for text in texts}) == 1


def test_a_turn_that_is_repeated_whole_is_no_frame() -> None:
    text = f"{FRAME} {OTHER}"
    table = _taught([text] * 8)
    framed = _apart(table, text)
    assert framed.payload == text
    assert not framed.inside.any()
    # Two words more are not much of a payload; three are.
    assert not _apart(table, f"{text} very good").inside.any()
    assert _apart(table, f"{text} {_payload(1, 6)}").inside.any()


@pytest.mark.parametrize(("actors", "framed"), [(4, False), (5, True)])
def test_a_frame_must_be_shared_by_enough_actors(actors: int, framed: bool) -> None:
    table = _taught([f"{FRAME} {_payload(n)}" for n in range(actors)])
    found = _apart(table, f"{FRAME} {_payload(99)}")
    assert bool(found.inside.any()) is framed
    assert ("tutor" in found.payload) is not framed


def test_an_actor_counts_once_however_much_it_sends() -> None:
    table = FrameTable(RULE, 2**16)
    for n in range(50):
        _note(table, f"{FRAME} {_payload(n)}", actor=n % 4)
    assert not _apart(table, f"{FRAME} {_payload(99)}").inside.any()


def test_a_shared_run_of_too_few_words_is_a_phrase_and_no_frame() -> None:
    phrase = "could you please tell me about"  # Six words; a frame has eight.
    table = _taught([f"{phrase} {_payload(n)}" for n in range(20)])
    text = f"{phrase} {_payload(99)}"
    framed = _apart(table, text)
    assert framed.payload == text
    assert not framed.inside.any()


def test_what_nobody_sent_before_is_all_payload() -> None:
    table = FrameTable(RULE, 2**16)
    for text in (f"{FRAME} {_payload(1)}", "hello", ""):
        framed = _apart(table, text)
        assert framed.payload == text
        assert not framed.inside.any()


def test_taking_apart_only_reads() -> None:
    table = FrameTable(RULE, 2**16)
    for n in range(20):
        _apart(table, f"{FRAME} {_payload(n)}")
    assert not _apart(table, f"{FRAME} {_payload(99)}").inside.any()


def test_no_shingles_have_no_name() -> None:
    table = FrameTable(RULE, 2**16)
    empty = shingles_of("too short", KEY).hashes
    table.note(empty, 1)
    assert table.name(empty) == 0
    # Nor have those that were never counted.
    assert table.name(shingles_of(FRAME, KEY).hashes) == 0


def test_a_system_prompt_has_a_name_from_its_first_sender_on() -> None:
    table = _taught([OTHER])
    hashes = shingles_of(OTHER, KEY).hashes
    assert table.name(hashes) == table.name(hashes) != 0


def test_a_name_is_given_back_after_a_restart() -> None:
    texts = [f"{FRAME} {_payload(n)}" for n in range(8)]
    before, after = _taught(texts), _taught(texts)
    name = _name(before, texts[0])
    shingles = shingles_of(texts[0], KEY)
    hashes = shingles.hashes[before.take_apart(texts[0], shingles).inside]
    after.restore(hashes, name + 1)
    assert _name(after, texts[3]) == name + 1
    # One that is named already keeps its name.
    before.restore(hashes, 5)
    assert _name(before, texts[3]) == name


def test_a_full_table_keeps_shared_shingles_and_lets_go_of_lone_ones() -> None:
    table = _taught([f"{FRAME} {_payload(n)}" for n in range(8)], slots=512)
    for n in range(1000, 1200):
        _note(table, _payload(n, 40), actor=n)
    assert _apart(table, f"{FRAME} {_payload(99)}").inside.any()


def test_a_chinese_frame_is_taken_off() -> None:
    frame = "请把下面这个句子翻译成流利的英文并且解释其中的语法"
    rng = random.Random(1)
    signs = ["".join(chr(0x4E00 + rng.randrange(9000)) for _ in range(15)) for _ in range(9)]
    table = _taught([frame + s for s in signs[:8]])
    framed = _apart(table, frame + signs[8])
    assert framed.payload.endswith(signs[8])
    assert len(framed.payload) <= 15 + 2


def _beside_documents(words: int) -> Framed:
    frame = " ".join(f"rule{n}" for n in range(40))
    table = _taught([f"{frame} {_payload(n, words)}" for n in range(12)])
    return _apart(table, f"{frame} {_payload(99, words)}")


@pytest.mark.parametrize("words", [20, 60, 120])
def test_a_frame_before_a_document_is_taken_off(words: int) -> None:
    assert _beside_documents(words).payload.split() == _payload(99, words).split()


@pytest.mark.parametrize("words", [400, 700])
def test_a_frame_before_a_long_document_is_taken_off(words: int) -> None:
    assert not any(f"rule{n} " in _beside_documents(words).payload for n in range(3, 36))


def _counted(hashes: list[int], actor: int, framed: int, table: FrameTable) -> Note:
    """Count a prompt as it comes, its first shingles in a frame; return what is kept of it."""
    mine = np.array(hashes, np.uint64)
    table.note(mine, actor)
    inside = mine[:framed]
    return Note(
        mine.astype("<u8").tobytes(), actor, inside, table.name(inside) if len(inside) else 0
    )


# Few slots and few shingles for each, so that many meet; some twice in one prompt.
_prompts = st.lists(
    st.tuples(st.lists(st.integers(1, 90), max_size=12), st.integers(1, 9), st.integers(0, 6)),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(_prompts, st.sampled_from([7, 16, 64]), st.sampled_from([5, 40, 8192]))
def test_counting_many_again_is_counting_each(
    prompts: list[tuple[list[int], int, int]], slots: int, portion: int
) -> None:
    live, again = FrameTable(RULE, slots), FrameTable(RULE, slots)
    notes = [_counted(*prompt, live) for prompt in prompts]
    with mock.patch.object(frames, "_PORTION", portion):
        again.note_again(notes)
    for name in ("_tags", "_seen", "_frames"):
        np.testing.assert_array_equal(getattr(again, name), getattr(live, name), name)
