"""All that a record says, and all that writes to it."""

from __future__ import annotations

from collections.abc import Callable

from simsvc.domain.audit import AuditNote
from simsvc.domain.prompt import Message, Role
from simsvc.record.sql import SqlRecord
from tests.contract.support import owner_of
from tests.contract.test_record_campaigns import campaign, opened
from tests.fakes.prompts import NOW, new_prompt, owner_key

BIG = Message(Role.USER, "x" * 1_000_000)


def all_of(record: SqlRecord) -> list[object]:
    """Return everything that the record says, comparable."""
    seqs = range(1, 100)
    vectors = [record.vector(seq) for seq in seqs]
    accounts = range(1, 50)
    return [
        record.last_seq(),
        record.prompts(seqs),
        [None if v is None else v.tobytes() for v in vectors],
        record.account_names(accounts),
        record.organization_names(accounts),
        record.account_hashes(accounts),
        [record.account_facts(a) for a in accounts],
        record.campaigns(),
        record.campaign_events(0, 100),
    ]


def writes(record: SqlRecord) -> dict[str, Callable[[], object]]:
    """Return one call of each kind that writes; each needs more room than a page has."""
    owner = owner_of(record, "known")
    [seq] = [record.allot(1)]
    big = new_prompt(seq, owner, messages=(BIG,))
    audit = AuditNote(NOW, "p", "a", BIG.content)
    huge = campaign("a", merged_into=BIG.content)
    names = [owner_key("x" * 100_000 + str(i), raw=True) for i in range(20)]
    return {
        "append": lambda: record.append([big]),
        "owners": lambda: record.owners(names),
        "save_campaigns": lambda: record.save_campaigns([opened(campaign("b")), opened(huge)]),
        "append_audit": lambda: record.append_audit([audit]),
    }
