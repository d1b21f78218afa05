"""Values that many tests need."""

from __future__ import annotations

from simsvc.domain.prompt import Message, Outcome, Role
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.trace import NO_TRACE, Trace
from simsvc.ports.embedder import Embedding
from simsvc.ports.record import NewPrompt, Owner, OwnerKey
from tests.fakes.embedder import fake_vector

HOUR = 3_600_000_000
NOW = 1_800_000_000_000_000
KEYRING = Keyring({"k1": b"1" * 32}, "k1")


def owner_key(account: str, organization: str = "", ring: Keyring = KEYRING, raw: bool = False):
    return OwnerKey(
        tuple(ring.all_hashes("account", account)),
        tuple(ring.all_hashes("organization", organization)) if organization else (),
        (account, organization) if raw else None,
    )


def new_prompt(
    seq: int,
    owner: Owner,
    text: str = "",
    at: int = NOW,
    family: int = 0,
    request_id: str = "",
    messages: tuple[Message, ...] | None = None,
    trace: Trace = NO_TRACE,
) -> NewPrompt:
    text = text or f"prompt number {seq}"
    return NewPrompt(
        request_id=request_id or f"req-{seq}",
        digest=seq.to_bytes(16, "big"),
        owner=owner,
        observed_at=at,
        received_at=at + 5,
        model="m",
        messages=messages or (Message(Role.USER, text),),
        attributes={"network": "n1"},
        frame_hash=b"",
        payload_hash=KEYRING.text_hash("payload", text),
        trace=trace,
        embedding=Embedding(fake_vector(text), 3, 2, True),
        family=family,
        outcome=Outcome(seq, 0.5, 1, 2, True),
    )
