"""Nulls and thresholds from the deployment's own traffic."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from simsvc.assembly import make_detector, make_index
from simsvc.core.detection import Detector
from simsvc.core.lifecycle import sightings_of
from simsvc.domain.calibration import Calibration, Observed, calibrate
from simsvc.domain.campaign import Campaign
from simsvc.domain.errors import NotFoundError
from simsvc.domain.review import Verdict
from simsvc.domain.verdict import Measures, Thresholds
from simsvc.ports.embedder import ModelInfo
from simsvc.record.open import open_database
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings

_BATCH = 4096
_DAY = 86_400_000_000


class UnknownCampaignError(ValueError):
    """A campaign that reviewers are said to have judged is not in the record."""


def calibrate_record(
    settings: Settings, confirmed: Collection[str], dismissed: Collection[str], *, store: bool
) -> Calibration:
    """Learn from the record of the settings, and store the result in the generation that serves.

    UnknownCampaignError where a campaign is not there; NotFoundError if no server has opened the
    record yet.
    """
    database = open_database(settings)
    serving = database.catalogue.serving()
    if serving is None:
        raise NotFoundError("record: no server has opened it yet")
    record = database.record(serving)
    try:
        unknown = {*confirmed, *dismissed} - {c.campaign_id for c in record.campaigns()}
        if unknown:
            raise UnknownCampaignError(f"no campaign {', '.join(sorted(unknown))}")
        made = calibration_of(record, settings, serving.model, confirmed, dismissed)
        if store:
            record.save_calibration(made)
    finally:
        record.close()
    return made


def calibration_of(
    record: SqlRecord,
    settings: Settings,
    info: ModelInfo,
    confirmed: Collection[str] = (),
    dismissed: Collection[str] = (),
) -> Calibration:
    """Look at the record's traffic as the detector does, and learn from it.

    What reviewers have judged counts too, unless the caller says otherwise.
    """
    campaigns = {c.campaign_id: c for c in record.campaigns()}
    said = {*confirmed, *dismissed}
    confirmed = {*confirmed, *_judged(campaigns.values(), Verdict.CONFIRMED) - said}
    dismissed = {*dismissed, *_judged(campaigns.values(), Verdict.DISMISSED) - said}
    left_out = _actors(campaigns[i] for i in confirmed)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        index = make_index(settings.model_copy(update={"data_dir": Path(folder)}), info, pool)
        detector = make_detector(settings, index, Thresholds())
        first = last = 0
        for batch in record.replay(0, record.last_seq(), _BATCH, with_vectors=True):
            index.add(batch.rows, batch.vectors)
            sightings = [s for s in sightings_of(batch) if s.actor not in left_out]
            detector.observe(sightings)
            times = [s.observed_at for s in sightings]
            first = min([first or min(times, default=0), *times])
            last = max([last, *times])
        index.finish_sealing()
        observed = observed_by(detector, (last - first) / _DAY)
        wrong = [_measures(detector, campaigns[i]) for i in sorted(dismissed)]
    return calibrate(observed, len(confirmed), [m for m in wrong if m is not None])


def describe(made: Calibration) -> str:
    """Say in some lines what was learned, beside what is shipped."""
    base = Thresholds()
    lines = [f"{made.remark()}", f"{made.groups} candidate groups, {made.suspects} suspicious"]
    lines += [f"confirmed {made.confirmed}, dismissed {made.dismissed}", ""]
    for name in ("log_p_medium", "log_p_high", "move_rate", "collision_rate"):
        shipped, learned = getattr(base, name), getattr(made.thresholds, name)
        lines.append(f"{name}: {learned:.4g} (shipped {shipped:.4g})")
    return "\n".join(lines)


def _judged(campaigns: Iterable[Campaign], verdict: Verdict) -> set[str]:
    return {c.campaign_id for c in campaigns if c.review.verdict is verdict}


def _actors(campaigns: Iterable[Campaign]) -> set[int]:
    return {m.actor for c in campaigns for m in c.members.values()}


def observed_by(detector: Detector, days: float) -> Observed:
    """Return what a detector has seen, as calibration looks at it."""
    population = detector.population((), force=True)
    groups: list[Measures] = []
    if population is not None and len(population.owners):
        groups = detector.analyst.measures(population, detector.analyst.moves(population))
    states = detector.accounts_book.states.values()
    return Observed(
        prompts=detector.accounts_book.observed,
        accounts=len(states),
        days=days,
        groups=groups,
        moved=sum(s.moved for s in states),
        continued=sum(s.continued for s in states),
    )


def _measures(detector: Detector, campaign: Campaign) -> Measures | None:
    """Measure a campaign's accounts as they are now."""
    population = detector.population(_actors([campaign]), force=True)
    if population is None:
        return None
    return detector.analyst.measure_actors(population, _actors([campaign]))
