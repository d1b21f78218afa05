"""What it takes to look up texts and requests does not grow with what else was recorded."""

from __future__ import annotations

import numpy as np
import pytest

from simsvc.record.sql import SqlRecord
from tests.contract.effort import analyse, effort
from tests.contract.support import Place, fill
from tests.contract.test_record_generations import embeddings, other_generation
from tests.fakes.prompts import KEYRING

COPIES = 2000


def hash_of(text: str) -> bytes:
    return KEYRING.text_hash("payload", text)


@pytest.mark.parametrize("others", [0, 40])
def test_a_text_that_came_often_is_read_once(
    place: Place, sql_record: SqlRecord, others: int
) -> None:
    texts = [f"text {i}" for i in range(others)]
    wanted = [hash_of(text) for text in ("hi", *texts, "nobody's")]
    fill(sql_record, ["hi", *texts])
    analyse(place, sql_record)
    before = effort(place, sql_record, lambda: sql_record.embeddings(wanted))
    fill(sql_record, ["hi"] * COPIES)
    analyse(place, sql_record)
    after = effort(place, sql_record, lambda: sql_record.embeddings(wanted))
    assert before > 0
    assert after <= before + COPIES / 10


@pytest.mark.parametrize("count", [1, 8])
def test_requests_are_found_without_going_through_others(
    place: Place, sql_record: SqlRecord, count: int
) -> None:
    known = [p.request_id for p in fill(sql_record, [f"text {i}" for i in range(count)])]
    wanted = [*known, *(f"nobody's {i}" for i in range(count))]
    efforts = []
    for more in (1, COPIES):
        fill(sql_record, [f"more {i}" for i in range(more)])
        analyse(place, sql_record)
        tables = ("prompts", "vectors")
        efforts.append(effort(place, sql_record, lambda: sql_record.answered(wanted), tables))
    before, after = efforts
    assert before > 0
    assert after <= before + COPIES / 10
    assert sql_record.answered(wanted).keys() == set(known)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 65, 511, 512, 513, 1100])
def test_any_number_of_texts_can_be_asked_for(sql_record: SqlRecord, count: int) -> None:
    written = fill(sql_record, [f"text {i}" for i in range(count)])
    wanted = [p.payload_hash for p in written]
    absent = [hash_of(f"absent {i}") for i in range(count)]
    found = sql_record.embeddings([*wanted, *absent, *wanted])
    assert found.keys() == set(wanted)
    for prompt in written[:: max(1, count // 5)]:
        vector = found[prompt.payload_hash].vector
        np.testing.assert_array_equal(vector, prompt.embedding.vector)
    assert sql_record.embeddings(absent) == {}


def test_an_embedding_is_one_of_the_generation_that_asks(sql_record: SqlRecord) -> None:
    written = fill(sql_record, ["a", "b", "a"])
    other = sql_record.of(other_generation(sql_record))
    both = [p.payload_hash for p in written[:2]]
    assert other.embeddings(both) == {}
    other.put_embeddings(embeddings([1]))
    [(found, embedding)] = other.embeddings(both).items()
    assert found == written[0].payload_hash
    np.testing.assert_array_equal(embedding.vector, embeddings([1])[1].vector)
    np.testing.assert_array_equal(
        sql_record.embeddings(both)[found].vector, written[0].embedding.vector
    )
