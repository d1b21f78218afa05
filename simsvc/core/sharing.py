"""Telling others of campaigns, without names or prompts."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.access import Principal
from simsvc.core.insight.campaigns import attributed
from simsvc.core.insight.desk import Desk
from simsvc.core.insight.links import sampled
from simsvc.core.stage import Stage
from simsvc.domain.campaign import Campaign, CampaignState, Evidence, Member
from simsvc.domain.errors import NotNowError
from simsvc.domain.prompt import Message, views_of
from simsvc.domain.pseudonyms import pseudonym
from simsvc.domain.reference import ReferenceKind
from simsvc.domain.review import Verdict
from simsvc.domain.sharing import (
    IndicatorKind,
    SharedCase,
    SharedClaim,
    SharedMember,
    SharedSketch,
)
from simsvc.domain.sketch import LEAST, frame_hashes, item_hash, sketch_of

_DAY = 86_400_000_000
_PROMPTS = 20_000
_FRAMES = 8
# Prompts of different accounts that a frame's sketch is made of, and the share that has its words.
_READ = 200
_COMMON = 0.2
# Share of a frame's words in those told before, from which it is not told again.
_TOLD = 0.5
# Share of a campaign's prompts that are items of a reference set for it to be told.
_HARVEST = 0.05
# Prompts of each account, and of all, that are held against reference sets.
_EACH = 20
_ASKED = 5000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class ShareRule:
    """Keys shared with partners by id, the one to tell with, and the least accounts of anything."""

    keys: Mapping[str, bytes]
    active: str
    k: int


class Sharing:
    """The use case behind an export. `desk` reads."""

    def __init__(self, desk: Desk, rule: ShareRule) -> None:
        self._desk = desk
        self._rule = rule

    async def case(self, who: Principal, campaign_id: str, how: str) -> SharedCase:
        """Return a campaign as others may see it; written down, `how` it leaves the house.

        NotNowError where no key is shared, it is part of another one, too few accounts are in it to
        be told of, or a reviewer has dismissed it.
        """
        if not self._rule.active:
            text = "set sharing_keys and sharing_key_id, which a partner has too"
            raise NotNowError("NO_SHARING_KEY", text)
        campaign = self._desk.campaign(campaign_id)
        if campaign.state is CampaignState.MERGED:
            # What people decide now is about the other one: this is what it was then.
            raise NotNowError("CAMPAIGN_MERGED", f"it is part of {campaign.merged_into} by now")
        if campaign.extent.actors < self._rule.k:
            text = (
                f"fewer than {self._rule.k} accounts, organisations collapsed: telling of them "
                "would tell who they are"
            )
            raise NotNowError("TOO_FEW_ACCOUNTS", text)
        if campaign.review.verdict is Verdict.DISMISSED:
            raise NotNowError("DISMISSED", "a reviewer has dismissed it: reopen it before")
        await self._desk.audit(who, "export", f"{campaign_id} {how}", campaign_id)
        work = self._desk.read(lambda: self._case(self._desk.stage, campaign))
        return await self._desk.permitted(work)

    def _case(self, stage: Stage, campaign: Campaign) -> SharedCase:
        extent = campaign.extent
        return SharedCase(
            name=f"campaign-{self._named('campaign', campaign.campaign_id.encode()).hex()[:12]}",
            key_id=self._rule.active,
            reported_day=campaign.first_reported_at // _DAY * _DAY,
            first_day=extent.first_seen // _DAY * _DAY,
            last_day=extent.last_seen // _DAY * _DAY,
            accounts=extent.accounts,
            actors=extent.actors,
            prompts=extent.prompts,
            confidence=campaign.confidence,
            tactics=campaign.tactics,
            claims=tuple(map(_claim, campaign.evidence)),
            coverage=campaign.coverage,
            members=self._members(stage, campaign),
            sketches=tuple(self._sketches(stage, campaign)),
            confirmed=campaign.review.verdict is Verdict.CONFIRMED,
        )

    @property
    def _key(self) -> bytes:
        return self._rule.keys[self._rule.active]

    def _named(self, kind: str, value: bytes) -> bytes:
        """Return what stands for something of this house under the shared key (16 bytes)."""
        message = b"name\0" + kind.encode() + b"\0" + value
        return hmac.digest(self._key, message, hashlib.sha256)[:16]

    def _members(self, stage: Stage, campaign: Campaign) -> tuple[SharedMember, ...]:
        names = stage.record.account_names(sorted(campaign.members))

        def shared(member: Member) -> SharedMember:
            held = names.get(member.account)
            name = self._named("account", held.hash if held else str(member.account).encode())
            rounded = 1 << (max(member.prompts, 1) - 1).bit_length()
            return SharedMember(pseudonym("acct", name), round(member.probability, 2), rounded)

        found = [shared(member) for member in campaign.members.values()]
        return tuple(sorted(found, key=lambda m: (-m.probability, m.account)))

    def _sketches(self, stage: Stage, campaign: Campaign) -> list[SharedSketch]:
        rows = stage.record.activity(sorted(campaign.members), _PROMPTS).rows
        rows = rows[attributed(campaign, rows)]
        found: list[SharedSketch] = []
        known: set[int] = set()
        frames, counts = np.unique(rows["frame"], return_counts=True)
        for i in np.argsort(-counts, kind="stable")[:_FRAMES].tolist():
            mine = rows[rows["frame"] == frames[i]]
            # Accounts of one organisation count as one: its words are its own.
            _, first = np.unique(_actors(campaign, mine), return_index=True)
            texts = _texts(stage, mine["seq"][first[:_READ]].tolist())
            common = self._common(texts)
            told = common & known
            known |= common
            # The first prompts in a frame have no name for it yet: their words are told already.
            if len(common) >= LEAST and len(told) < _TOLD * len(common):
                sketch = sketch_of(common)
                accounts = len(np.unique(mine["account"]))
                found.append(SharedSketch(IndicatorKind.FRAME, sketch, accounts, int(counts[i])))
        return found + self._data_sets(stage, sampled(rows, _EACH)["seq"][:_ASKED].tolist())

    def _common(self, texts: list[tuple[Message, ...]]) -> set[int]:
        """Return hashes of the words that prompts of different actors have in common."""
        used: Counter[int] = Counter()
        for messages in texts:
            used.update(set(frame_hashes(whole_text(messages), self._key).tolist()))
        least = max(self._rule.k, _COMMON * len(texts))
        return {value for value, count in used.items() if count >= least}

    def _data_sets(self, stage: Stage, seqs: list[int]) -> list[SharedSketch]:
        """Sketch the reference sets that a campaign harvests: their items, not its prompts."""
        asked = [
            (p.owner, item_hash(views_of(p.messages).payload, self._key))
            for start in range(0, len(seqs), _CHUNK)
            for p in stage.record.prompts(seqs[start : start + _CHUNK]).values()
            if p.messages is not None
        ]
        found = []
        for held in stage.record.reference_sets() if asked else ():
            if held.kind is not ReferenceKind.DATA_SET:
                continue
            texts = stage.record.reference_texts(held.name).values()
            items = {item_hash(text, self._key) for text in texts if text is not None}
            if len(items) < LEAST:
                # A partner takes no smaller sketch, and would refuse the bundle for it.
                continue
            hits = [owner for owner, item in asked if item in items]
            accounts = len({owner.account for owner in hits})
            actors = len({owner.actor for owner in hits})
            if actors >= self._rule.k and len(hits) >= _HARVEST * len(asked):
                kind, size = IndicatorKind.DATA_SET, len(items)
                found.append(SharedSketch(kind, sketch_of(items), accounts, size))
        return found


def _actors(campaign: Campaign, rows: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Return what the account of each row (n,) counts as."""
    return np.array([campaign.members[a].actor for a in rows["account"].tolist()], np.int64)


def _claim(evidence: Evidence) -> SharedClaim:
    """Return a reason without what only this house should know."""
    text = evidence.description
    if evidence.signal == "reference_set":
        # Its own sentence names the set as this house calls it.
        text = "prompts are items of a data set that this house knows"
    return SharedClaim(evidence.signal, text, evidence.value, evidence.expected, evidence.log_p)


def whole_text(messages: tuple[Message, ...]) -> str:
    """Return what a frame may lie in: instructions, and the user's last turn."""
    views = views_of(messages)
    return f"{views.frame}\n{views.payload}"


def _texts(stage: Stage, seqs: list[int]) -> list[tuple[Message, ...]]:
    found = []
    for start in range(0, len(seqs), _CHUNK):
        prompts = stage.record.prompts(seqs[start : start + _CHUNK])
        found += [p.messages for p in prompts.values() if p.messages is not None]
    return found
