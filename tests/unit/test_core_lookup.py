"""Look-ups: filters, stable pages, audit, and what they refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.lookup import SearchFilter, SearchQuery
from simsvc.domain.errors import (
    InvalidError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from simsvc.domain.pseudonyms import pseudonym
from tests.fakes.embedder import DIMENSION, fake_vector
from tests.fakes.prompts import NOW
from tests.unit.helpers import Core, prompt

WHO = Principal("ana", ALL_ROLES)
WHERE = SearchFilter("", "", None, None, 0.5)
QUERY = SearchQuery("red green blue", None, None, WHERE, 3, "", 2)


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    near = [
        prompt(f"n{i}", f"red green blue w{i}", account=f"acc-{i}", org="org" if i < 2 else "")
        for i in range(8)
    ]
    await core.ingest.observe([*near, prompt("far", "quite another thing entirely")])
    yield core
    await core.stop()


async def test_grouped_pages_hold_while_prompts_arrive(core: Core) -> None:
    seen: list[int] = []
    query = QUERY
    for round_ in range(10):
        result = await core.lookup.search(WHO, query)
        assert (result.page.accounts, result.page.actors) == (8, 7)
        seen += [g.account for g in result.page.groups]
        await core.ingest.observe([prompt(f"new{round_}", "red green blue", account=f"n{round_}")])
        if not result.next_token:
            break
        query = replace(QUERY, page_token=result.next_token)
    assert sorted(seen) == list(range(1, 9))


@pytest.mark.parametrize("raw", [True, False])
async def test_filters(core: Core, raw: bool) -> None:
    [named] = core.record.account_names([3]).values()
    [org] = core.record.organization_names([1]).values()
    account = "acc-2" if raw else pseudonym("acct", named.hash)
    organization = "org" if raw else pseudonym("org", org.hash)
    by_account = replace(QUERY, where=replace(WHERE, account_id=account))
    by_org = replace(QUERY, where=replace(WHERE, organization_id=organization))
    nobody = replace(QUERY, where=replace(WHERE, account_id="nobody"))
    assert [g.account for g in (await core.lookup.search(WHO, by_account)).page.groups] == [3]
    assert (await core.lookup.search(WHO, by_org)).page.accounts == 2
    assert (await core.lookup.search(WHO, nobody)).page.groups == ()


async def test_by_stored_prompt_and_by_vector(core: Core) -> None:
    by_seq = await core.lookup.search(WHO, replace(QUERY, text=None, seq=1, page_size=50))
    values = tuple((7 * fake_vector("red green blue w0")).tolist())
    by_vector = await core.lookup.search(
        WHO, replace(QUERY, text=None, vector=values, page_size=50)
    )
    assert by_seq.page.prompts == by_vector.page.prompts == 8
    assert by_seq.page.groups[0].best == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(NotFoundError):
        await core.lookup.search(WHO, replace(QUERY, text=None, seq=999))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((1.0,) * 3, "WRONG_SIZE"),
        ((), "WRONG_SIZE"),
        ((float("nan"), *(1.0,) * (DIMENSION - 1)), "NOT_FINITE"),
        ((float("inf"), *(1.0,) * (DIMENSION - 1)), "NOT_FINITE"),
        ((0.0,) * DIMENSION, "ZERO"),
    ],
)
async def test_bad_vectors(core: Core, values: tuple[float, ...], reason: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await core.lookup.search(WHO, replace(QUERY, text=None, vector=values))
    assert caught.value.violations[0].reason == reason


async def test_huge_vectors_are_fine(core: Core) -> None:
    values = tuple((3e38 * fake_vector("red green blue")).tolist())
    found = await core.lookup.search(WHO, replace(QUERY, text=None, vector=values))
    assert found.page.accounts == 8


async def test_each_look_up_leaves_a_trace_without_text(core: Core) -> None:
    await core.lookup.search(WHO, QUERY)
    await core.lookup.prompt(WHO, 1)
    await core.lookup.account(WHO, "acc-1")
    with pytest.raises(NotFoundError):
        await core.lookup.prompt(WHO, 999)
    assert [(e.principal, e.action) for e in core.record.notes] == [
        ("ana", action) for action in ("search", "prompt", "account", "prompt")
    ]
    assert not any("red" in e.subject for e in core.record.notes)


async def test_no_look_up_without_a_trace(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise UnavailableError("the disk is full")

    monkeypatch.setattr(core.record, "append_audit", broken)
    for call in (core.lookup.search(WHO, QUERY), core.lookup.prompt(WHO, 1)):
        with pytest.raises(UnavailableError):
            await call


async def test_an_account(core: Core) -> None:
    facts, names = await core.lookup.account(WHO, "acc-0")
    assert (facts.prompts, facts.organizations, facts.recent) == (1, (1,), (1,))
    assert names.accounts[facts.account].raw == ""
    with pytest.raises(NotFoundError):
        await core.lookup.account(WHO, "nobody")


async def test_the_trace_of_a_search_names_its_filters_by_pseudonym(core: Core) -> None:
    [named] = core.record.account_names([3]).values()
    account = pseudonym("acct", named.hash)
    minute = 60_000_000
    for asked in ("acc-2", account):
        where = SearchFilter(asked, "org", NOW, NOW + minute, 0.5)
        await core.lookup.search(WHO, replace(QUERY, where=where))
    by_raw, by_name = (note.subject for note in core.record.notes)
    assert by_raw == by_name
    text, *filters = by_raw.split(" ")
    [org] = core.record.organization_names([1]).values()
    assert text.startswith("text:")
    assert filters == [
        account,
        pseudonym("org", org.hash),
        "since:2027-01-15T08:00:00+00:00",
        "until:2027-01-15T08:01:00+00:00",
    ]


@pytest.mark.parametrize(
    ("start", "told"),
    [(0, "1970-01-01T00:00:00+00:00"), (-(2**40) * 10**6, "-1099511627776000000us")],
)
async def test_any_time_can_be_told(core: Core, start: int, told: str) -> None:
    await core.lookup.search(WHO, replace(QUERY, where=replace(WHERE, start=start)))
    assert core.record.notes[0].subject.endswith(f" since:{told}")


async def test_every_look_up_takes_a_permit(core: Core) -> None:
    lookups = core.lookup._admission
    lookups.admit(8)
    for call in (
        core.lookup.search(WHO, QUERY),
        core.lookup.prompt(WHO, 1),
        core.lookup.account(WHO, "acc-1"),
    ):
        with pytest.raises(OverloadedError):
            await call
    assert core.record.notes == []
    lookups.release(8)
    with pytest.raises(NotFoundError):
        await core.lookup.prompt(WHO, 999)
    await core.lookup.prompt(WHO, 1)
    assert lookups.in_use == 0
