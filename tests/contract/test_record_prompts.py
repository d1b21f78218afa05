"""Prompts and their vectors in the record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsvc.domain.prompt import Message, Role
from simsvc.ports.record import Answered, NewPrompt, Record, RecordedPrompt
from tests.contract.support import HARD_TEXTS, REFUSED, fill, owner_of, said
from tests.fakes.embedder import DIMENSION
from tests.fakes.prompts import NOW, new_prompt


def as_read(new: NewPrompt) -> RecordedPrompt:
    return RecordedPrompt(
        request_id=new.request_id,
        owner=new.owner,
        observed_at=new.observed_at,
        received_at=new.received_at,
        model=new.model,
        messages=new.messages,
        text_state="shown",
        attributes=new.attributes,
        tokens=new.embedding.tokens,
        outcome=new.outcome,
    )


def test_an_empty_record_holds_nothing(record: Record) -> None:
    assert record.last_seq() == 0
    assert record.prompts([1]) == {}
    assert record.vector(1) is None
    assert record.answered(["x"]) == {}
    assert record.embeddings([b"x" * 16]) == {}
    assert record.account_facts(1) is None
    assert list(record.replay(0, 10, 5, with_vectors=True)) == []


def test_allotted_seqs_start_at_one_and_never_meet(record: Record) -> None:
    assert [record.allot(3), record.allot(1), record.allot(2)] == [1, 4, 5]


def test_an_allotted_seq_is_not_in_the_record(record: Record) -> None:
    record.allot(5)
    assert record.last_seq() == 0
    fill(record, ["a"])
    assert record.last_seq() == 6


def test_a_prompt_is_read_back_as_it_was_written(text_record: Record) -> None:
    owner = owner_of(text_record, "a", "org")
    messages = (
        Message(Role.SYSTEM, "be brief"),
        Message(Role.DEVELOPER, ""),
        Message(Role.USER, "first"),
        Message(Role.ASSISTANT, "answer"),
        Message(Role.TOOL, "{}"),
        Message(Role.USER, "last"),
    )
    new = new_prompt(text_record.allot(1), owner, "last", messages=messages, family=7)
    outcome = replace(new.outcome, nearest_similarity=0.123456789012345, campaign_id="cmp_1")
    new = replace(new, outcome=outcome, attributes={"a": "1", "ß": "", "": "x"})
    text_record.append([new])
    [read] = text_record.prompts([new.outcome.seq]).values()
    assert read == as_read(new)
    assert read.outcome.nearest_similarity == 0.123456789012345


@pytest.mark.parametrize("text", HARD_TEXTS.values(), ids=HARD_TEXTS)
def test_every_text_comes_back_unchanged(text_record: Record, text: str) -> None:
    owner = owner_of(text_record, text, text, raw=True)
    new = said(text_record.allot(1), owner, text)
    text_record.append([new])
    assert text_record.prompts([new.outcome.seq]) == {new.outcome.seq: as_read(new)}
    assert set(text_record.answered([new.request_id])) == {new.request_id}
    assert text_record.account_names([owner.account])[owner.account].raw == text
    assert text_record.organization_names([owner.organization])[owner.organization].raw == text


def test_a_nul_in_what_is_serialised_comes_back(text_record: Record) -> None:
    """Ids and models never hold one (decision 4): there PostgreSQL would refuse it."""
    text = "null \x00 end"
    [new] = fill(text_record, ["x"], messages=(Message(Role.USER, text),))
    odd = new_prompt(text_record.allot(1), new.owner)
    text_record.append([replace(odd, attributes={text: text})])
    assert text_record.prompts([1])[1].messages == (Message(Role.USER, text),)
    assert text_record.prompts([2])[2].attributes == {text: text}


def test_a_long_text_comes_back_whole(text_record: Record) -> None:
    long = "𝕏 long\u2028" * 60_000
    [new] = fill(text_record, ["x"], messages=(Message(Role.USER, long),))
    [read] = text_record.prompts([new.outcome.seq]).values()
    assert read.messages == (Message(Role.USER, long),)


def test_prompts_that_are_not_there_are_left_out(record: Record) -> None:
    written = fill(record, ["a", "b", "c"])
    seqs = [p.outcome.seq for p in written]
    assert set(record.prompts([seqs[2], 99, seqs[0], 0, -1])) == {seqs[0], seqs[2]}
    assert record.prompts([]) == {}


def test_far_more_seqs_may_be_asked_for_than_there_are(record: Record) -> None:
    [new] = fill(record, ["a"])
    assert set(record.prompts(range(1, 40_000))) == {new.outcome.seq}
    assert set(record.answered([f"r{i}" for i in range(40_000)] + [new.request_id])) == {
        new.request_id
    }


def test_an_answer_is_found_by_its_request_id(record: Record) -> None:
    first, second = fill(record, ["a", "b"])
    found = record.answered([second.request_id, "another", first.request_id])
    assert found == {
        first.request_id: Answered(first.digest, first.outcome),
        second.request_id: Answered(second.digest, second.outcome),
    }
    assert record.answered([]) == {}
    assert record.answered([first.request_id.upper()]) == {}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_request_id_that_is_there_keeps_the_whole_batch_out(record: Record, place: int) -> None:
    [old] = fill(record, ["old"])
    owner = owner_of(record, "a")
    first = record.allot(3)
    batch = [new_prompt(first + i, owner) for i in range(3)]
    batch[place] = replace(batch[place], request_id=old.request_id)
    with pytest.raises(REFUSED):
        record.append(batch)
    assert_only(record, [old])


def test_a_request_id_twice_in_a_batch_keeps_it_out(record: Record) -> None:
    [old] = fill(record, ["old"])
    owner = owner_of(record, "a")
    first = record.allot(2)
    with pytest.raises(REFUSED):
        record.append([new_prompt(first + i, owner, request_id="twice") for i in range(2)])
    assert_only(record, [old])
    record.append([new_prompt(record.allot(1), owner, request_id="twice")])
    assert set(record.answered(["twice"])) == {"twice"}


def assert_only(record: Record, prompts: list[NewPrompt]) -> None:
    """Check that the record holds these prompts and no trace of others."""
    seqs = [p.outcome.seq for p in prompts]
    assert record.last_seq() == max(seqs)
    assert sorted(record.prompts(range(1, 50))) == seqs
    assert [seq for seq in range(1, 50) if record.vector(seq) is not None] == seqs
    [batch] = record.replay(0, 50, 50, with_vectors=True)
    assert batch.rows["seq"].tolist() == seqs
    for prompt in prompts:
        assert record.answered([prompt.request_id])[prompt.request_id].digest == prompt.digest


def test_a_vector_of_fp16_comes_back_to_the_bit(record: Record) -> None:
    values = np.zeros(DIMENSION, np.float32)
    # The largest, the least normal, the least subnormal, and one that is not a power of two.
    values[:6] = [65504.0, 2**-14, 2**-24, -0.333251953125, 0.0, -1.0]
    [written] = fill(record, ["a"])
    odd = replace(
        new_prompt(record.allot(1), written.owner),
        embedding=replace(written.embedding, vector=values),
    )
    record.append([odd])
    for new in (written, odd):
        stored = record.vector(new.outcome.seq)
        assert stored is not None
        assert stored.dtype == np.float32
        assert stored.shape == (DIMENSION,)
        np.testing.assert_array_equal(stored, new.embedding.vector)
    [batch] = record.replay(0, odd.outcome.seq, 10, with_vectors=True)
    assert batch.vectors.dtype == np.float32
    np.testing.assert_array_equal(batch.vectors[1], values)


def test_an_embedding_is_found_by_its_payload(record: Record) -> None:
    first, second, _again = fill(record, ["a", "b", "a"])
    found = record.embeddings([first.payload_hash, second.payload_hash, b"z" * 16])
    assert set(found) == {first.payload_hash, second.payload_hash}
    for new in (first, second):
        got = found[new.payload_hash]
        np.testing.assert_array_equal(got.vector, new.embedding.vector)
        assert (got.tokens, got.windows, got.capped) == (3, 2, True)
    assert record.embeddings([]) == {}


def test_facts_of_an_account_speak_of_its_prompts_only(record: Record) -> None:
    fill(record, ["other"], account="b", at=NOW - 5)
    mine = fill(record, ["x", "y", "x"], at=NOW)
    late = fill(record, ["z"], at=NOW - 10)
    facts = record.account_facts(mine[0].owner.account)
    assert facts is not None
    assert facts.account == mine[0].owner.account
    assert (facts.first_observed, facts.last_observed) == (NOW - 10, NOW + 2)
    assert (facts.prompts, facts.distinct_payloads, facts.organizations) == (4, 3, ())
    # Newest first by the time of the traffic, not by arrival.
    assert facts.recent == tuple(p.outcome.seq for p in [*mine[::-1], *late])


def test_facts_name_all_organisations_in_order(record: Record) -> None:
    owners = [owner_of(record, "a", org) for org in ("o1", "o2", "", "o1")]
    first = record.allot(4)
    record.append([new_prompt(first + i, owners[j]) for i, j in enumerate([1, 2, 0, 3])])
    facts = record.account_facts(owners[0].account)
    assert facts is not None
    assert facts.organizations == (owners[0].organization, owners[1].organization)
    # Equal times: the latest arrival first.
    assert facts.recent == (first + 3, first + 2, first + 1, first)


def test_facts_show_the_twenty_newest(record: Record) -> None:
    written = fill(record, [f"t{i}" for i in range(25)])
    facts = record.account_facts(written[0].owner.account)
    assert facts is not None
    assert facts.prompts == 25
    assert facts.recent == tuple(p.outcome.seq for p in written[:4:-1])


def test_facts_of_an_account_without_prompts_are_none(record: Record) -> None:
    owner = owner_of(record, "a")
    assert record.account_facts(owner.account) is None
    assert record.account_facts(999) is None
