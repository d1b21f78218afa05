"""Ingest under any mix of repeats, callers who leave and writes that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.core.ingest import Result
from simsvc.core.lifecycle import sightings_of
from simsvc.domain.errors import RequestIdReusedError, UnavailableError
from simsvc.domain.prompt import Outcome, Prompt
from simsvc.ports.record import NewPrompt
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import FAMILIES, Core, family_detector, prompt

FIXED = settings(derandomize=True, deadline=None, max_examples=60)
TEXTS = ["the same old words here", "the same old words now", "something else altogether", "x"]


@dataclass(frozen=True)
class Call:
    """A batch of (request, text, account); the caller leaves after so many turns of the loop."""

    prompts: tuple[tuple[int, int, int], ...]
    leaves_after: int | None = None

    def made(self) -> list[Prompt]:
        return [prompt(f"r{r}", TEXTS[t], f"a{a}") for r, t, a in self.prompts]


PROMPTS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=5
).map(tuple)
LEAVES = st.one_of(st.none(), st.integers(0, 12))
ROUNDS = st.lists(st.lists(st.builds(Call, PROMPTS), min_size=1, max_size=4), max_size=4)
LEAVING = st.lists(st.lists(st.builds(Call, PROMPTS, LEAVES), min_size=1, max_size=4), max_size=4)


class Flaky(MemoryRecord):
    """Fails the appends whose turns are in `fails`."""

    def __init__(self, fails: Sequence[int]) -> None:
        super().__init__()
        self.fails = set(fails)
        self.appends = 0

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        self.appends += 1
        if self.appends in self.fails:
            raise UnavailableError("the disk is full")
        super().append(prompts)


Answers = list[tuple[Prompt, Result]]


async def call(core: Core, what: Call) -> Answers:
    task = asyncio.create_task(core.ingest.observe(what.made()))
    if what.leaves_after is not None:
        for _ in range(what.leaves_after):
            await asyncio.sleep(0)
        task.cancel()
    try:
        return list(zip(what.made(), await task, strict=True))
    except (asyncio.CancelledError, UnavailableError):
        return []


async def play(rounds: list[list[Call]], fails: Sequence[int]) -> tuple[Core, Answers]:
    """Make the calls of each round at once; then send every request again."""
    core = Core(Flaky(fails))
    answers: Answers = []
    for calls in rounds:
        for told in await asyncio.gather(*(call(core, c) for c in calls)):
            answers += told
    core.record.fails.clear()  # type: ignore[attr-defined]
    for calls in rounds:
        for what in calls:
            answers += await call(core, Call(what.prompts))
    await core.stop()
    for pool in (core.threads, core.readers):
        pool.shutdown()
    return core, answers


def rows(record: MemoryRecord) -> list[NewPrompt]:
    return list(record._prompts.values())


def check(core: Core, answers: Answers) -> None:
    kept = {row.request_id: row for row in rows(core.record)}
    assert len(kept) == len(rows(core.record)) == core.index.stats().prompts
    assert core.index.stats().last_seq == core.record.last_seq()
    assert (core.admission.in_use, core.writer.depth) == (0, 0)
    assert core.ingest.counters.observed == len(kept)
    assert all(is_right(kept[asked.request_id], asked, told) for asked, told in answers)
    check_replay(core)


def is_right(row: NewPrompt, asked: Prompt, told: Result) -> bool:
    if row.digest == asked.digest():
        return told == row.outcome
    return isinstance(told, RequestIdReusedError)


def check_replay(core: Core) -> None:
    again = family_detector(FAMILIES)
    for batch in core.record.replay(0, core.record.last_seq(), 3, with_vectors=False):
        again.observe(sightings_of(batch))
    assert (again.accounts, again.families) == (core.detector.accounts, core.detector.families)
    assert again.tick(lambda _: True) == core.detector.tick(lambda _: True)


@FIXED
@given(ROUNDS)
def test_each_request_is_one_row_and_has_one_answer(rounds: list[list[Call]]) -> None:
    core, answers = asyncio.run(play(rounds, ()))
    check(core, answers)
    assert sum(len(c.prompts) for calls in rounds for c in calls) * 2 == len(answers)


@FIXED
@given(LEAVING)
def test_callers_may_leave_at_any_time(rounds: list[list[Call]]) -> None:
    core, answers = asyncio.run(play(rounds, ()))
    check(core, last_of(rounds, answers))
    assert not any(isinstance(told, UnavailableError) for _, told in last_of(rounds, answers))


@FIXED
@given(LEAVING, st.lists(st.integers(1, 6), max_size=3))
def test_writes_may_fail_at_any_time(rounds: list[list[Call]], fails: list[int]) -> None:
    core, answers = asyncio.run(play(rounds, fails))
    check(core, last_of(rounds, answers))
    rows_of = {row.request_id: row.outcome for row in rows(core.record)}
    told = [(a.request_id, t) for a, t in answers if isinstance(t, Outcome)]
    assert all(rows_of[request_id] == outcome for request_id, outcome in told)


def last_of(rounds: list[list[Call]], answers: Answers) -> Answers:
    """Return the answers to what was sent again at the end, when nothing was in flight."""
    again = sum(len(c.prompts) for calls in rounds for c in calls)
    assert len(answers) >= again
    return answers[len(answers) - again :]


async def test_one_after_the_other_no_text_is_embedded_twice() -> None:
    core = Core()
    for i in range(12):
        await core.ingest.observe([prompt(f"p{i}", TEXTS[i % 3]), prompt(f"q{i}", TEXTS[i % 4])])
    assert sorted(core.embedder.texts) == sorted(TEXTS)
    assert core.ingest.counters.repeated_texts == 24 - len(TEXTS)
    await core.stop()


async def test_the_outcome_is_that_of_the_record() -> None:
    core = Core()
    told = await core.ingest.observe([prompt(f"p{i}", TEXTS[0], f"a{i % 3}") for i in range(6)])
    assert all(isinstance(answer, Outcome) for answer in told)
    assert told == [row.outcome for row in rows(core.record)]
    assert [answer.family_accounts for answer in told] == [1, 2, 3, 3, 3, 3]  # type: ignore[union-attr]
    await core.stop()
