"""Taking prompts apart as traffic goes by, and counting the same again after a restart."""

from __future__ import annotations

from simsvc.core.views import Dissector
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import Message, Role
from simsvc.domain.trace import Trace
from tests.fakes.prompts import KEYRING

FRAME = "As a patient teacher solve the riddle below and explain every single step to me."
RIDDLES = [
    f"riddle {w} about {w} boats and {i} lazy ferrymen" for i, w in enumerate("abcdefghijkl")
]


def user(text: str, *earlier: str, system: str = "") -> tuple[Message, ...]:
    messages = [Message(Role.SYSTEM, system)] if system else []
    for turn in earlier:
        messages += [Message(Role.USER, turn), Message(Role.ASSISTANT, "fine")]
    return (*messages, Message(Role.USER, text))


def new() -> Dissector:
    return Dissector(KEYRING, FrameRule())


def send(dissector: Dissector, actor: int, messages: tuple[Message, ...]) -> tuple[str, Trace]:
    parts = dissector.take_apart(messages)
    return parts.payload, dissector.note(parts, actor)


def test_a_frame_inside_the_turn_is_left_out_once_accounts_share_it() -> None:
    dissector = new()
    seen = [
        send(dissector, i + 1, user(f"{FRAME}\n\n{riddle}")) for i, riddle in enumerate(RIDDLES)
    ]
    assert [payload for payload, _ in seen[:5]] == [f"{FRAME}\n\n{r}" for r in RIDDLES[:5]]
    assert all("patient teacher" not in payload for payload, _ in seen[5:])
    assert all(r in payload for r, (payload, _) in zip(RIDDLES[5:], seen[5:], strict=True))
    frames = {trace.frame for _, trace in seen[5:]}
    assert len(frames) == 1
    assert 0 not in frames


def test_a_system_prompt_is_the_frame_from_the_first() -> None:
    dissector = new()
    traces = [send(dissector, i, user(r, system=FRAME))[1] for i, r in enumerate(RIDDLES)]
    assert len({t.frame for t in traces}) == 1
    assert traces[0].frame


def test_a_conversation_that_goes_on_elsewhere() -> None:
    dissector = new()
    first, second = "how do I repair an old wooden boat?", "and which varnish should I take?"
    assert send(dissector, 7, user(first))[1].origin == 0
    assert send(dissector, 7, user(second, first))[1].origin == 0
    assert send(dissector, 8, user("is it toxic?", first, second))[1].origin == 7
    # What two accounts begin with alike names nobody.
    send(dissector, 9, user(first))
    assert send(dissector, 10, user(second, first))[1].origin == 0


def test_a_restart_counts_what_was_counted() -> None:
    live, again = new(), new()
    for i, riddle in enumerate(RIDDLES):
        text = f"{FRAME}\n\n{riddle}"
        for messages in (user(text), user("and now in verse, please", text)):
            _, trace = send(live, i, messages)
            again.restore([(trace, i)])
    probe = user(f"{FRAME}\n\nthe riddle of the sphinx and her three hungry cats")
    assert live.take_apart(probe).payload == again.take_apart(probe).payload
    parts = [d.take_apart(probe) for d in (live, again)]
    assert live.note(parts[0], 99) == again.note(parts[1], 99)


def test_a_paste_of_a_megabyte_is_taken_apart_in_no_time_and_whole() -> None:
    text = "lorem ipsum dolor sit amet " * 40_000
    parts = new().take_apart(user(text))
    assert parts.payload == text
    assert len(parts.shingles) <= 3 * 72


def test_prompts_are_taken_apart_together_as_one_by_one() -> None:
    dissector = new()
    for i, riddle in enumerate(RIDDLES):
        send(dissector, i + 1, user(f"{FRAME}\n\n{riddle}"))
    prompts = [
        user("short"),
        user(f"{FRAME}\n\nwhy do {RIDDLES[0]}"),
        user(RIDDLES[1], "a first turn of some length, and a half", system=FRAME),
        user(f"{RIDDLES[2]}\n\n{FRAME}"),
        user(FRAME),
    ]
    together = dissector.take_all_apart(prompts)
    assert [p.payload for p in together] == [dissector.take_apart(p).payload for p in prompts]
    # Each one's own frame, and nobody else's.
    assert [bool(p.framed.any()) for p in together] == [False, True, True, True, False]
    for found, prompt in zip(together, prompts, strict=True):
        alone = dissector.take_apart(prompt)
        assert (found.cuts, found.frame_text) == (alone.cuts, alone.frame_text)
        assert (found.prefix, found.state) == (alone.prefix, alone.state)
        assert found.shingles.tolist() == alone.shingles.tolist()
        assert found.framed.tolist() == alone.framed.tolist()
