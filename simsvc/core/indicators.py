"""Partners' indicators: kept, and looked for in own traffic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simsvc.core.access import Principal
from simsvc.core.insight.desk import Desk
from simsvc.core.lookup import Names
from simsvc.core.sharing import whole_text
from simsvc.core.stage import Stage
from simsvc.domain.errors import InvalidError, NotFoundError, Violation
from simsvc.domain.prompt import Message, views_of
from simsvc.domain.sharing import Indicator, IndicatorKind, Told
from simsvc.domain.sketch import Sketches, frame_hashes, item_hash
from simsvc.ports.record import RecordedPrompt

_CHUNK = 1000
# Part of a frame's sketch that a prompt must hold to be in the frame. Of one that is worded anew
# each time it holds a fraction: so many runs are sixteen words or more, and no common sentence.
_PART = 0.5
_WORDED_ANEW = 0.15
_RUNS = 5
_ACCOUNTS = 1000
# Items of a data set that own prompts must ask for together.
_ITEMS = 3


@dataclass(slots=True)
class Match:
    """Where an indicator was found: by account, the prompts and the largest part in one."""

    indicator: Indicator
    accounts: dict[int, tuple[int, float]] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)

    @property
    def prompts(self) -> int:
        """Prompts in which it was found."""
        return sum(count for count, _ in self.accounts.values())

    @property
    def part(self) -> float:
        """Return the largest part of a frame in one prompt, or of a data set in all of them."""
        sketch = self.indicator.sketch
        if self.indicator.kind is IndicatorKind.DATA_SET:
            return len(self.held) / max(len(sketch.values), 1)
        return max((best for _, best in self.accounts.values()), default=0.0)

    @property
    def is_found(self) -> bool:
        """Return whether it is more than chance: of a data set, a few items must be asked for."""
        if self.indicator.kind is IndicatorKind.DATA_SET:
            return len(self.held) >= _ITEMS
        return bool(self.accounts)

    def note(self, account: int, part: float) -> None:
        """Count a prompt."""
        count, best = self.accounts.get(account, (0, 0.0))
        self.accounts[account] = (count + 1, max(best, part))


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found, of how many prompts; `campaigns` by indicator id.

    `passed_over` are the indicators that hold no more, or whose key is not there.
    """

    found: list[Match]
    campaigns: Mapping[str, list[str]]
    names: Names
    looked_at: int
    without_text: int
    passed_over: Sequence[str]


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What of a bundle was taken in, what was withdrawn, and where it was found.

    Of what is kept in a later version already, nothing is.
    """

    indicators: list[Indicator]
    withdrawn: list[Indicator]
    matches: Matches


class Indicators:
    """The use case behind the calls about indicators; looks at the newest `prompts` prompts."""

    def __init__(self, desk: Desk, keys: Mapping[str, bytes], prompts: int) -> None:
        self._desk = desk
        self._keys = dict(keys)
        self._prompts = prompts

    def knows(self, key_id: str) -> bool:
        """Return whether a shared key is there to match with."""
        return key_id in self._keys

    async def take_in(self, who: Principal, told: Told) -> TakenIn:
        """Keep what a partner tells, forget what he withdraws, and look for the former.

        InvalidError if there is neither, or another producer has told of it.
        """
        if not told.indicators and not told.withdrawn:
            text = "holds no indicator that this server understands"
            raise InvalidError([Violation("bundle", "NO_INDICATORS", text)])
        desk, now = self._desk, self._desk.now()
        known = {i.indicator_id: i for i in await self.all()}
        taken = [_renewed(i, known.get(i.indicator_id), now) for i in _news(told.indicators, known)]
        gone = [i for i in _news(told.withdrawn, known) if i.indicator_id in known]
        await desk.audit(who, "import", f"{len(taken)} indicators, {len(gone)} withdrawn")
        await desk.write(lambda: self._keep(taken, gone))
        matches = await desk.permitted(desk.scan(lambda: self._match(desk.stage, taken)))
        return TakenIn(taken, gone, matches)

    def _keep(self, taken: Sequence[Indicator], gone: Sequence[Indicator]) -> None:
        record = self._desk.stage.record
        record.save_indicators(taken)
        for indicator in gone:
            record.delete_indicator(indicator.indicator_id)

    async def all(self) -> list[Indicator]:
        """Return what partners have told, the newest first."""
        return await self._desk.read(self._desk.stage.record.indicators)

    async def match(self, who: Principal, ids: Sequence[str]) -> Matches:
        """Look for indicators, all for no ids. NotFoundError for one that is not there."""
        desk = self._desk
        known = {i.indicator_id: i for i in await self.all()}
        if not known.keys() >= set(ids):
            raise NotFoundError("indicator")
        await desk.audit(who, "match", ",".join(ids) or "all indicators")
        chosen = [known[i] for i in ids] or list(known.values())
        return await desk.permitted(desk.scan(lambda: self._match(desk.stage, chosen)))

    async def delete(self, who: Principal, indicator_id: str) -> None:
        """Forget one. NotFoundError if it is not there."""
        desk = self._desk
        await desk.audit(who, "forget", indicator_id)
        if not await desk.write(lambda: desk.stage.record.delete_indicator(indicator_id)):
            raise NotFoundError("indicator")

    def _match(self, stage: Stage, indicators: Sequence[Indicator]) -> Matches:
        now = self._desk.now()
        usable = [i for i in indicators if i.holds(now) and i.key_id in self._keys]
        passed_over = [i.indicator_id for i in indicators if i not in usable]
        matches = [Match(i) for i in usable]
        wanted = [_Wanted(self._keys[key_id], mine) for key_id, mine in _by_key(matches).items()]
        looked_at = without = 0
        for prompt in self._newest(stage) if matches else ():
            looked_at += 1
            if prompt.messages is None:
                without += 1
                continue
            for under_key in wanted:
                under_key.hold_against(prompt.owner.account, prompt.messages)
        found = [match for match in matches if match.is_found]
        accounts = {a for match in found for a in match.accounts}
        campaigns = {m.indicator.indicator_id: self._campaigns(m) for m in found}
        names = self._desk.names(accounts)
        return Matches(found, campaigns, names, looked_at, without, passed_over)

    def _newest(self, stage: Stage) -> Iterator[RecordedPrompt]:
        last = stage.record.last_seq()
        first = max(last - self._prompts, 0)
        for end in range(last, first, -_CHUNK):
            yield from stage.record.prompts(range(max(end - _CHUNK, first) + 1, end + 1)).values()

    def _campaigns(self, match: Match) -> list[str]:
        counts: defaultdict[str, int] = defaultdict(int)
        surest = sorted(match.accounts, key=lambda a: -match.accounts[a][0])[:_ACCOUNTS]
        for account in surest:
            for campaign_id in self._desk.book.of_account(account):
                counts[campaign_id] += 1
        named = [campaign_id for campaign_id, count in counts.items() if count > 1]
        return sorted(named, key=lambda campaign_id: (-counts[campaign_id], campaign_id))


class _Wanted:
    """What is looked for under one key. A prompt is held against all of it at once."""

    def __init__(self, key: bytes, matches: Sequence[Match]) -> None:
        self._key = key
        self._frames = [m for m in matches if m.indicator.kind is IndicatorKind.FRAME]
        self._sketches = Sketches([match.indicator.sketch for match in self._frames])
        self._sets: defaultdict[int, list[Match]] = defaultdict(list)
        for match in matches:
            if match.indicator.kind is IndicatorKind.DATA_SET:
                for value in match.indicator.sketch.values:
                    self._sets[value].append(match)

    def hold_against(self, account: int, messages: tuple[Message, ...]) -> None:
        """Note where a prompt of an account is found."""
        if self._frames:
            hashes = frame_hashes(whole_text(messages), self._key)
            for place, part in self._sketches.parts_in(hashes).items():
                if _holds(self._frames[place].indicator, part):
                    self._frames[place].note(account, part)
        if self._sets:
            item = item_hash(views_of(messages).payload, self._key)
            for match in self._sets.get(item, ()):
                match.held.add(item)
                match.note(account, 1.0)


def _holds(frame: Indicator, part: float) -> bool:
    """Tell whether a prompt with a part of a frame's sketch is in the frame."""
    runs = round(part * len(frame.sketch.values))
    return part >= _PART or (part >= _WORDED_ANEW and runs >= _RUNS)


def _news(told: Sequence[Indicator], known: Mapping[str, Indicator]) -> list[Indicator]:
    """Return what is not older than what is kept. InvalidError if somebody else has told that."""
    for indicator in told:
        kept = known.get(indicator.indicator_id, indicator)
        if kept.producer != indicator.producer:
            text = f"{indicator.indicator_id} was told by another producer: delete that one first"
            raise InvalidError([Violation("bundle", "OTHER_PRODUCER", text)])
    return [i for i in told if i.modified >= known.get(i.indicator_id, i).modified]


def _renewed(indicator: Indicator, known: Indicator | None, now: int) -> Indicator:
    """Return an indicator as it is kept: a marking is never loosened."""
    tlp = max(indicator.tlp, known.tlp) if known else indicator.tlp
    return replace(indicator, tlp=tlp, imported_at=now)


def _by_key(matches: Sequence[Match]) -> dict[str, list[Match]]:
    grouped: defaultdict[str, list[Match]] = defaultdict(list)
    for match in matches:
        grouped[match.indicator.key_id].append(match)
    return dict(grouped)
