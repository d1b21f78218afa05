"""Records with made-up prompts, and jobs in many small ranges over them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.reindexing.parts import Workshop
from indexer.reindexing.worker import embed_sources
from simsvc.core.reindex import ReindexSpec, plan_ranges
from simsvc.domain.generation import IndexParameters, Job, Range
from simsvc.settings import Settings
from tests.contract.support import Place, fill


@dataclass(frozen=True)
class Planned:
    """A job in a record: `vectors` are those that it has made so far, by seq."""

    shop: Workshop
    job: Job
    ranges: tuple[Range, ...]

    @property
    def done(self) -> int:
        return len(self.ranges) - self.shop.database.jobs.unfinished(self.job.job_id)

    @property
    def vectors(self) -> dict[int, npt.NDArray[np.float32]]:
        record = self.shop.record(self.shop.generation_of(self.job))
        seqs = [seq for page in record.sizes(0) for seq, _ in page]
        return record.held(seqs)

    def expected(self) -> dict[int, npt.NDArray[np.float32]]:
        """Embed all ranges here, in one thread."""
        generation = self.shop.generation_of(self.job)
        record, engine = self.shop.record(generation), self.shop.engine(generation, 1)
        engine.use_this_thread()
        made = {}
        for held in self.ranges:
            made.update(embed_sources(engine, record.sources(held.first, held.last)))
        return {seq: embedding.vector for seq, embedding in made.items()}


def a_job(settings: Settings, model: Path, prompts: int, in_range: int = 20) -> Planned:
    """Fill a new record, and plan to embed it with a model."""
    shop = Workshop.open(settings)
    url = shop.database.engine.url.render_as_string(hide_password=False)
    texts = [f"prompt {n} about {n % 97} " + "and so on " * (n % 13) for n in range(prompts)]
    record = Place(url).open()
    fill(record, texts)
    record.close()
    reindexing = shop.reindexing()
    plan = reindexing.plan(ReindexSpec(str(model), IndexParameters()))
    serving = shop.record(reindexing.serving())
    plan = replace(plan, ranges=tuple(plan_ranges(serving.sizes(0), prompts=in_range)))
    return Planned(shop, reindexing.start(plan), plan.ranges)


def same(
    first: dict[int, npt.NDArray[np.float32]], second: dict[int, npt.NDArray[np.float32]]
) -> bool:
    """Say whether the vectors of the same prompts are equal in every bit."""
    return first.keys() == second.keys() and all(
        first[seq].tobytes() == second[seq].tobytes() for seq in first
    )
