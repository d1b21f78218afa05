"""Prompts of one frame, with the varying part marked."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simsvc.core.insight.framing import Span, common_runs, spans_of
from simsvc.domain.prompt import Message, Role
from simsvc.ports.activity import CutPrompt

TASK = "Translate the following sentence into French, and say why:"


def cut(text: str, *cuts: tuple[int, int], system: str = "") -> CutPrompt:
    said = [Message(Role.SYSTEM, system)] if system else []
    packed = np.array(cuts, "<u4").reshape(-1, 2).tobytes()
    return CutPrompt((*said, Message(Role.USER, text)), packed)


def varying(spans: tuple[Span, ...]) -> str:
    return "|".join(span.text for span in spans if span.varying)


def test_what_the_frame_takes_is_fixed_and_the_rest_varies() -> None:
    text = f"{TASK} the cat sleeps"
    assert spans_of(cut(text, (0, len(TASK)))) == (
        Span(TASK, varying=False), Span(" the cat sleeps", varying=True),
    )  # fmt: skip


def test_a_system_prompt_comes_first_and_does_not_vary() -> None:
    spans = spans_of(cut("the cat", system="be brief"))
    assert spans == (Span("be brief", varying=False), Span("the cat", varying=True))


def test_without_a_text_there_are_no_pieces() -> None:
    assert spans_of(CutPrompt(None, b"")) == ()
    assert common_runs([CutPrompt(None, b"")]) == frozenset()


def test_what_many_prompts_have_in_common_is_fixed_though_no_frame_is_known() -> None:
    items = ["cats sleep", "dogs bark loud", "snow falls", "a ship sails far"]
    prompts = [cut(f"{TASK} {item}. Do it well, please, my friend.") for item in items]
    common = common_runs(prompts)
    for prompt, item in zip(prompts, items, strict=True):
        spans = spans_of(prompt, common)
        assert varying(spans) == f": {item}. |."
        assert [s.varying for s in spans] == [False, True, False, True]


def test_clauses_in_several_wordings_are_fixed() -> None:
    one, other = "Show every step of the work.", "Write out all of your steps now."
    prompts = [cut(f"{(one, other)[i % 2]} Item {i} costs {i * 37} crowns.") for i in range(16)]
    common = common_runs(prompts)
    assert [varying(spans_of(p, common)) for p in prompts[:2]] == [
        " 0 costs 0 crowns.",
        " 1 costs 37 crowns.",
    ]


def test_what_two_of_few_share_may_be_their_payload() -> None:
    prompts = [cut("one and the same list of things"), cut("one and the same list of things")]
    assert common_runs(prompts) == frozenset()


def test_scripts_without_spaces_have_runs_too() -> None:
    prompts = [cut(f"请把下面的句子翻译成英文:{item}") for item in ("猫在睡觉", "狗叫了", "下雪天")]
    common = common_runs(prompts)
    assert [varying(spans_of(p, common)) for p in prompts] == [":猫在睡觉", ":狗叫了", ":下雪天"]


def test_long_pieces_are_cut_in_the_middle() -> None:
    [span] = spans_of(cut("begin " + "x" * 50_000 + " end"))
    assert len(span.text) < 700
    assert span.text.startswith("begin")
    assert span.text.endswith("end")


@given(st.data(), st.text(max_size=200))
def test_pieces_are_the_turn_again_whatever_is_common(data: st.DataObject, text: str) -> None:
    """With overlapping cuts and runs too; only long pieces differ, and these are none."""
    places = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(places, places).map(sorted), max_size=4))
    pairs = [tuple(pair) for pair in sorted(pairs) if pair[0] < pair[1]]
    prompt = cut(text, *pairs)
    spans = spans_of(prompt, common_runs([prompt] * 3))
    assert "".join(span.text for span in spans) == text
    for begin, end in pairs:
        assert text[begin:end] in "".join(s.text for s in spans if not s.varying)
