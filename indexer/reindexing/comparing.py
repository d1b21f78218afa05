"""What a generation would change: found out before it answers anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.reindexing.building import Built
from simsvc.calibrate import observed_by
from simsvc.core.campaigns import CampaignBook
from simsvc.core.detection import Detector
from simsvc.domain.calibration import Calibration, calibrate
from simsvc.domain.campaign import Campaign, CampaignState
from simsvc.domain.generation import Preview, ShadowReport
from simsvc.ports.index import Vectors
from simsvc.record.sql import SqlRecord

_SAMPLE = 256
_K = 10
_BATCH = 4096


@dataclass(slots=True)
class _Top:
    """The k nearest of each query so far: scores (n, k) and seqs (n, k)."""

    scores: Vectors
    seqs: npt.NDArray[np.int64]

    def take(self, scores: Vectors, seqs: npt.NDArray[np.int64]) -> None:
        """Take the scores (n, m) of further rows with seqs (m,)."""
        all_scores = np.concatenate([self.scores, scores], axis=1)
        all_seqs = np.concatenate([self.seqs, np.broadcast_to(seqs, scores.shape)], axis=1)
        best = np.argsort(-all_scores, axis=1, kind="stable")[:, :_K]
        self.scores = np.take_along_axis(all_scores, best, axis=1)
        self.seqs = np.take_along_axis(all_seqs, best, axis=1)


def compare(
    built: Built,
    serving: SqlRecord,
    book: CampaignBook,
    overlap: float,
    missing: Sequence[str],
    tell: Callable[[], None],
) -> tuple[ShadowReport, Calibration]:
    """Measure a generation against exact search, the serving one, and what is recorded.

    `book` is empty; `missing` are reference sets without texts.
    """
    campaigns = serving.campaigns()
    last = built.index.stats().last_seq
    sample = sampled(built.record, last)
    exact = nearest(built.record, sample, last, tell)
    found = built.index.nearest(vectors_of(built.record, sample), _K).rows["seq"]
    former = nearest(serving, sample, last, tell)
    made = calibration(built)
    found_now = _campaigns_of(built.detector, book)
    tell()
    kept, new, vanishing = matched(found_now, campaigns, overlap)
    report = ShadowReport(
        prompts=built.prompts,
        sample=len(sample),
        recall=_shared(exact, found),
        overlap=_shared(exact, former),
        calibration=made.remark(),
        kept=kept,
        new=new,
        vanishing=vanishing,
        references=tuple(missing),
    )
    return report, made


def sampled(record: SqlRecord, up_to: int) -> list[int]:
    """Return seqs spread evenly over the record."""
    seqs = [seq for page in record.sizes(0) for seq, _ in page if seq <= up_to]
    if len(seqs) <= _SAMPLE:
        return seqs
    return [seqs[i] for i in np.linspace(0, len(seqs) - 1, _SAMPLE).astype(int).tolist()]


def vectors_of(record: SqlRecord, seqs: Sequence[int]) -> Vectors:
    """Return the stored vectors (n, d)."""
    found = [record.vector(seq) for seq in seqs]
    return np.stack([v for v in found if v is not None]) if found else np.empty((0, 0), np.float32)


def nearest(
    record: SqlRecord, seqs: Sequence[int], up_to: int, tell: Callable[[], None]
) -> npt.NDArray[np.int64]:
    """Return the seqs (n, k) of the exact nearest of recorded prompts, themselves among them."""
    queries = vectors_of(record, seqs)
    empty = np.full((len(seqs), _K), -np.inf, np.float32)
    top = _Top(empty, np.zeros((len(seqs), _K), np.int64))
    for batch in record.replay(0, up_to, _BATCH, with_vectors=True):
        top.take(queries @ batch.vectors.T, batch.rows["seq"])
        tell()
    return top.seqs


def calibration(built: Built) -> Calibration:
    """Learn the thresholds of a generation from the traffic that its detector has seen."""
    return calibrate(observed_by(built.detector, built.days))


def _shared(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> float:
    """Return the mean shared part of two lists of neighbours (n, k)."""
    if not len(first):
        return 1.0
    both = [
        len(set(a) & set(b)) / max(len(set(a)), 1)
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    return float(np.mean(both))


def _campaigns_of(detector: Detector, book: CampaignBook) -> list[Campaign]:
    """Return the campaigns that a detector reports when nothing is known yet."""
    population = detector.population((), force=True)
    suspicions = None
    if population is not None and len(population.owners):
        analyst = detector.analyst
        suspicions = analyst.analyse(population, analyst.moves(population))
    findings = detector.tick(book.is_reported, suspicions, last=True)
    book.apply(book.plan(findings, detector, detector.latest))
    return book.all()


def matched(
    found: Sequence[Campaign], recorded: Sequence[Campaign], overlap: float
) -> tuple[tuple[Preview, ...], tuple[Preview, ...], tuple[Preview, ...]]:
    """Return which recorded campaigns are found again, which are new, and which are not found.

    Two are the same from the share `overlap` of the smaller one's accounts on.
    """
    live = [c for c in recorded if c.state is CampaignState.OPEN]
    kept: dict[str, Preview] = {}
    new = []
    for one in (c for c in found if c.state is CampaignState.OPEN):
        shares = [(_share(set(one.members), set(c.members)), c.campaign_id) for c in live]
        share, campaign_id = max(shares, default=(0.0, ""))
        if share >= overlap:
            kept[campaign_id] = Preview(campaign_id, len(one.members), share)
        else:
            new.append(Preview("", len(one.members), share))
    gone = [Preview(c.campaign_id, len(c.members), 0.0) for c in live if c.campaign_id not in kept]
    return tuple(kept.values()), tuple(new), tuple(gone)


def _share(first: set[int], second: set[int]) -> float:
    return len(first & second) / max(min(len(first), len(second)), 1)
