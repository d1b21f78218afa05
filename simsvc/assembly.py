"""Parts of a server and of batch jobs, each made from the settings."""

from __future__ import annotations

import shutil
from concurrent.futures import Executor

from simsvc.core.analysis import AnalysisRule
from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.detection import DetectionRule, Detector
from simsvc.core.families import FamilyAssigner, FamilyRule
from simsvc.core.lifecycle import Schedule
from simsvc.core.popularity import FamilyTest
from simsvc.core.stage import Stage
from simsvc.domain.calibration import Calibration
from simsvc.domain.prompt import MICROSECONDS
from simsvc.domain.verdict import Thresholds
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.choice import EngineRule, make
from simsvc.embed.engine import Engine
from simsvc.embed.weights import model_source
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.index.snapshot import SnapshotStore
from simsvc.ports.embedder import Embedder, ModelInfo
from simsvc.ports.generation import generation_id
from simsvc.ports.index import VectorIndex
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from simsvc.threads import cores


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


def make_engine(settings: Settings) -> Engine:
    """Load the model of the settings, into the engine of the settings."""
    rule = EngineRule(
        wanted=settings.engine,
        dtype=settings.model_dtype,
        max_windows=settings.max_windows,
        threads=settings.model_threads or cores(),
        budget=settings.batch_tokens,
        cache=settings.model_cache.expanduser(),
        numbers=settings.openvino_numbers,
    )
    return make(model_source(settings.model, settings.model_sha256), rule)


def make_batcher(settings: Settings, engine: Engine) -> Batcher:
    """Return what embeds texts, and start its thread. Call on the event loop."""
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
    merging: Executor | None = None,
) -> SegmentedIndex:
    """Return the index of the settings for a generation, the model's own where none is named.

    It is empty until it is restored. Where no thread is for `merging`, the one for `sealing` does.
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
    return SegmentedIndex(model.dimension, rule, store, sealing, helpers, merging)


def discard_index(settings: Settings, generation: str) -> None:
    """Remove the index files of a generation, if there are any."""
    folder = settings.data_dir / "index" / generation
    if folder.exists():
        shutil.rmtree(folder)


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


def make_schedule(settings: Settings) -> Schedule:
    """Return when the recurring jobs are due."""
    return Schedule(
        tick=settings.detection_tick,
        look=settings.detection_look,
        look_share=settings.detection_share,
        snapshot=settings.snapshot_every,
        retention_check=settings.retention_every,
        retention=settings.retention,
        bucket=settings.segment_span,
    )
