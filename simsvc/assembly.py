"""Half of the composition root: the parts of a server, made from its settings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from simsvc import __version__
from simsvc.core.admission import Admission
from simsvc.core.analysis import AnalysisRule
from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.casework import Casework
from simsvc.core.clock import SystemClock
from simsvc.core.commit import Committer
from simsvc.core.detection import DetectionRule, Detector
from simsvc.core.families import FamilyAssigner, FamilyRule
from simsvc.core.feed import CampaignFeed
from simsvc.core.ingest import Ingest
from simsvc.core.lifecycle import Lifecycle, Schedule
from simsvc.core.lookup import Lookup
from simsvc.core.membership import Membership
from simsvc.core.popularity import FamilyTest
from simsvc.core.references import ReferenceSets
from simsvc.core.stage import Stage, Stages
from simsvc.core.status import Status
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.calibration import Calibration
from simsvc.domain.frames import FrameRule
from simsvc.domain.prompt import MICROSECONDS
from simsvc.domain.tokens import TokenSealer
from simsvc.domain.verdict import Thresholds
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.choice import EngineRule, make
from simsvc.embed.engine import Engine
from simsvc.embed.weights import model_source
from simsvc.index.segmented import SegmentedIndex, SegmentRule
from simsvc.index.snapshot import SnapshotStore
from simsvc.keys import keyring, token_key
from simsvc.ports.embedder import Embedder, ModelInfo
from simsvc.ports.generation import generation_id
from simsvc.ports.index import VectorIndex
from simsvc.record.open import model_location, open_database, serving_settings
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from simsvc.threads import Threads, cores


@dataclass(frozen=True, slots=True)
class Service:
    """Everything behind the RPCs."""

    record: SqlRecord
    batcher: Batcher
    index: SegmentedIndex
    stages: Stages
    writer: Writer
    admission: Admission
    ingest: Ingest
    lookup: Lookup
    casework: Casework
    status: Status
    lifecycle: Lifecycle
    feed: CampaignFeed
    references: ReferenceSets
    threads: Threads

    def close(self) -> None:
        """Let go of threads and files."""
        self.batcher.stop()
        self.threads.shutdown()
        try:
            self.index.finish_sealing()
        finally:
            self.record.close()


def build_service(settings: Settings) -> Service:
    """Load the model, open the record and wire all parts. Call on the event loop."""
    # Looks and searches have a thread each; one that takes all cores would starve the model.
    threadpool_limits(1, "blas")
    database = open_database(settings)
    settings = serving_settings(settings, database)
    engine = make_engine(settings)
    batcher = _batcher(settings, engine)
    record = database.claim(engine.info, model_location(settings.model))
    record.claim_writer()
    threads = Threads.start(settings.search_threads)
    index = make_index(
        settings, engine.info, threads.sealing, threads.helpers, record.generation.generation_id
    )
    stages = Stages(make_stage(settings, record, batcher, index))
    book = make_campaign_book(settings, engine.info)
    ring, clock = keyring(settings), SystemClock()
    membership = Membership(record, book, ring)
    dissector = Dissector(ring, FrameRule())
    committer = Committer(stages, book, dissector, shadow=settings.shadow)
    writer = Writer(committer, threads.writing, settings.group_prompts)
    feed = CampaignFeed(record, threads.readers)
    sealer = TokenSealer(token_key(settings))
    admission = Admission(settings.in_flight_prompts)
    lookups = Admission(settings.in_flight_lookups)
    readers = threads.readers
    return Service(
        record=record,
        batcher=batcher,
        index=index,
        stages=stages,
        writer=writer,
        admission=admission,
        ingest=Ingest(
            stages, writer, admission, dissector, ring, clock, readers,
            keep_raw_ids=settings.keep_raw_ids,
        ),
        lookup=Lookup(stages, writer, ring, sealer, clock, readers, lookups),
        casework=Casework(stages, book, membership, feed, sealer, readers),
        status=Status(
            __version__, settings.limits, stages, writer, book, record.last_seq(),
            shadow=settings.shadow,
        ),
        lifecycle=Lifecycle(
            stages, book, membership, writer, feed, clock, _schedule(settings), dissector,
            threads.looking,
        ),
        feed=feed,
        references=ReferenceSets(stages, dissector, writer, ring, clock),
        threads=threads,
    )  # fmt: skip


def make_stage(
    settings: Settings, record: SqlRecord, embedder: Embedder, index: SegmentedIndex
) -> Stage:
    """Return the generation of a record and its parts, which have seen nothing yet."""
    calibration = record.calibration() or Calibration()
    return Stage(
        generation=record.generation.generation_id,
        vectors_of=record.generation.vectors_of,
        record=record,
        embedder=embedder,
        index=index,
        snapshots=index,
        assigner=make_family_assigner(settings, index),
        detector=make_detector(settings, index, calibration.thresholds),
        calibration=calibration,
    )


def readings(service: Service) -> dict[str, Callable[[], float]]:
    """Say where each number of `telemetry.metrics.READINGS` is read."""
    s, counters = service, service.ingest.counters
    embedded = s.batcher.counters
    return {
        "in_flight_prompts": lambda: s.admission.in_use,
        "embed_queue_texts": lambda: s.batcher.depth,
        "embed_cache_bytes": lambda: s.batcher.cache.bytes,
        "write_queue_prompts": lambda: s.writer.depth,
        "index_prompts": lambda: s.index.stats().prompts,
        "index_segments": lambda: s.index.stats().segments,
        "index_lag_prompts": s.status.index_lag,
        "snapshot_checkpoint": s.status.snapshot_checkpoint,
        "record_writable": lambda: s.writer.writable,
        "accounts": lambda: s.status.detection().accounts,
        "families": lambda: s.status.detection().families,
        "open_campaigns": lambda: s.status.detection().open_campaigns,
        "prompts_observed_total": lambda: counters.observed,
        "requests_repeated_total": lambda: counters.repeated_requests,
        "texts_repeated_total": lambda: counters.repeated_texts + s.batcher.cache.hits,
        "prompts_capped_total": lambda: counters.capped,
        "prompts_abandoned_total": lambda: embedded.abandoned,
        "commits_total": lambda: s.writer.commits,
        "embed_batches_total": lambda: embedded.batches,
        "embed_texts_total": lambda: embedded.texts,
        "embed_windows_total": lambda: embedded.windows,
        "embed_tokens_total": lambda: embedded.tokens,
        "embed_computed_tokens_total": lambda: embedded.computed,
        "ticks_total": lambda: s.lifecycle.ticks,
    }


def make_engine(settings: Settings) -> Engine:
    """Load the model of the settings, into the engine of the settings."""
    rule = EngineRule(
        wanted=settings.engine,
        dtype=settings.model_dtype,
        max_windows=settings.max_windows,
        threads=settings.model_threads or cores(),
        budget=settings.batch_tokens,
        cache=settings.model_cache.expanduser(),
    )
    return make(model_source(settings.model, settings.model_sha256), rule)


def _batcher(settings: Settings, engine: Engine) -> Batcher:
    cache = EmbeddingCache(settings.cache_mib * 2**20)
    batcher = Batcher(engine, settings.batch_tokens, settings.batch_texts, cache)
    batcher.start(engine.use_this_thread)
    return batcher


def make_index(
    settings: Settings,
    model: ModelInfo,
    sealing: Executor,
    helpers: Executor | None = None,
    generation: str = "",
) -> SegmentedIndex:
    """Return the index of the settings for a generation, the model's own where none is named.

    It is empty until it is restored.
    """
    rule = SegmentRule(
        bucket=int(settings.segment_span * MICROSECONDS),
        size=settings.segment_prompts,
        ann_from=settings.ann_prompts,
        recall=settings.recall,
        fanout=settings.segment_merge,
        largest=settings.segment_largest,
        hot=2 * settings.segment_prompts,
        threads=cores(),
    )
    name = generation or generation_id(model)
    store = SnapshotStore(settings.data_dir / "index" / name, name)
    return SegmentedIndex(model.dimension, rule, store, sealing, helpers)


def make_family_assigner(settings: Settings, index: VectorIndex) -> FamilyAssigner:
    """Return what places prompts in families."""
    rule = FamilyRule(
        settings.family_similarity, settings.leader_similarity, settings.family_neighbours
    )
    return FamilyAssigner(index, rule)


def make_detector(settings: Settings, index: VectorIndex, thresholds: Thresholds) -> Detector:
    """Return the detector of the settings, which has seen nothing yet."""
    rule = DetectionRule(
        _family_test(settings),
        _analysis_rule(settings),
        thresholds,
        settings.reference_similarity,
    )
    return Detector(rule, index)


def make_campaign_book(settings: Settings, model: ModelInfo) -> CampaignBook:
    """Return an empty book of campaigns."""
    return CampaignBook(_campaign_rule(settings), generation_id(model))


def _analysis_rule(settings: Settings) -> AnalysisRule:
    return AnalysisRule(
        pool=settings.detection_pool,
        least_accounts=settings.detection_group,
        alpha=settings.detection_fdr,
        renewed=settings.detection_renewed,
    )


def _family_test(settings: Settings) -> FamilyTest:
    return FamilyTest(
        min_accounts=settings.detection_min_accounts,
        window=int(settings.detection_window * MICROSECONDS),
        alpha=settings.detection_alpha,
        min_text_share=settings.detection_text_share,
        history=int(settings.detection_history * MICROSECONDS),
    )


def _campaign_rule(settings: Settings) -> CampaignRule:
    return CampaignRule(
        settings.campaign_overlap, int(settings.campaign_quiet_after * MICROSECONDS)
    )


def _schedule(settings: Settings) -> Schedule:
    return Schedule(
        tick=settings.detection_tick,
        look=settings.detection_look,
        look_share=settings.detection_share,
        snapshot=settings.snapshot_every,
        retention_check=settings.retention_every,
        retention=settings.retention,
        bucket=settings.segment_span,
    )
