"""Half of the composition root: the parts of a server, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from threadpoolctl import threadpool_limits

from simsvc import __version__
from simsvc.alerting import make_alerts
from simsvc.assembly import discard_index, make_campaign_book, make_engine, make_schedule
from simsvc.core.admission import Admission
from simsvc.core.alerts import Alerts
from simsvc.core.auditing import AuditLog
from simsvc.core.casework import Casework
from simsvc.core.clock import SystemClock
from simsvc.core.commit import Committer
from simsvc.core.cutover import Cutover, Staging
from simsvc.core.feed import CampaignFeed
from simsvc.core.generations import Generations
from simsvc.core.ingest import Ingest
from simsvc.core.insight.desk import Desk
from simsvc.core.lifecycle import Lifecycle
from simsvc.core.lookup import Lookup
from simsvc.core.membership import Membership
from simsvc.core.past import Past
from simsvc.core.references import ReferenceSets
from simsvc.core.reindex import Reindexing
from simsvc.core.review import Reviews
from simsvc.core.stage import Stages
from simsvc.core.status import Status
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.describe import describe
from simsvc.domain.frames import FrameRule
from simsvc.domain.tokens import TokenSealer
from simsvc.keys import audit_chain, keyring, token_key, will_make_key
from simsvc.record.open import Database, model_location, open_database, serving_settings
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from simsvc.staging import StageFactory
from simsvc.threads import Threads
from simsvc.workers import WorkerProcesses

_NEW_KEY = (
    "accounts that are recorded get new pseudonyms; bring the keys.json of the former data folder"
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """Everything behind the RPCs."""

    record: SqlRecord
    jobs: Database
    staging: StageFactory
    stages: Stages
    writer: Writer
    admission: Admission
    ingest: Ingest
    lookup: Lookup
    casework: Casework
    reviews: Reviews
    audit: AuditLog
    desk: Desk
    alerts: Alerts
    status: Status
    lifecycle: Lifecycle
    feed: CampaignFeed
    references: ReferenceSets
    generations: Generations
    sealer: TokenSealer
    threads: Threads
    workers: WorkerProcesses

    def close(self) -> None:
        """Let go of threads, processes and files."""
        self.workers.stop()
        self.staging.close()
        self.threads.shutdown()
        try:
            self.staging.finish_sealing()
        finally:
            self.record.close()
            self.jobs.engine.dispose()


def build_service(settings: Settings) -> Service:
    """Load the model, open the record and wire all parts. Call on the event loop."""
    # Looks and searches have a thread each; one that takes all cores would starve the model.
    threadpool_limits(1, "blas")
    database = open_database(settings)
    settings = serving_settings(settings, database)
    engine = make_engine(settings)
    record = database.claim(engine.info, model_location(settings.model))
    record.claim_writer()
    _warn_of_new_pseudonyms(settings, record)
    record.chain = audit_chain(settings)
    # Jobs are noted from other threads than the writing one, which has the record's connection.
    jobs = open_database(settings)
    threads = Threads.start(settings.search_threads)
    staging = StageFactory(settings, record, engine, threads)
    stages = staging.stages
    book = make_campaign_book(settings, engine.info)
    ring, clock = keyring(settings), SystemClock()
    membership = Membership(record, book, ring)
    dissector = Dissector(ring, FrameRule())
    writer = Writer(
        Committer(stages, book, dissector, shadow=settings.shadow),
        threads.writing,
        settings.group_prompts,
    )
    past = Past(stages, writer, threads.taking)
    feed = CampaignFeed(record, threads.readers)
    sealer = TokenSealer(token_key(settings))
    admission = Admission(settings.in_flight_prompts)
    lookups = Admission(settings.in_flight_lookups)
    readers = threads.readers
    workers = WorkerProcesses(settings.reindex_workers)
    reindexing = Reindexing(
        jobs.catalogue, jobs.jobs, jobs.record, describe, clock, partial(discard_index, settings)
    )
    cutover = Cutover(
        stages, record.catalogue, jobs.jobs, jobs.record, book, dissector, writer, clock,
        Staging(staging.make, staging.release, staging.retire), threads.staging,
    )  # fmt: skip
    return Service(
        record=record,
        jobs=jobs,
        staging=staging,
        stages=stages,
        writer=writer,
        admission=admission,
        ingest=Ingest(
            stages, writer, admission, past, dissector, ring, clock, threads.taking,
            keep_raw_ids=settings.keep_raw_ids,
        ),
        lookup=Lookup(stages, writer, ring, sealer, clock, readers, lookups),
        casework=Casework(stages, book, membership, feed, sealer, readers),
        reviews=Reviews(stages, book, membership, writer, feed, ring, clock),
        audit=AuditLog(stages, book, record.chain, sealer, readers, threads.scanning),
        alerts=make_alerts(settings, jobs, record, feed, clock),
        desk=Desk(stages, book, writer, ring, clock, readers, threads.scanning, lookups),
        status=Status(
            __version__, settings.limits, stages, writer, book, record.last_seq(),
            shadow=settings.shadow,
        ),
        lifecycle=Lifecycle(
            stages, book, membership, writer, feed, clock, make_schedule(settings), dissector,
            past, threads.looking,
        ),
        feed=feed,
        references=ReferenceSets(stages, dissector, writer, ring, clock),
        generations=Generations(reindexing, cutover, clock, workers.launch),
        sealer=sealer,
        threads=threads,
        workers=workers,
    )  # fmt: skip


def readings(service: Service) -> dict[str, Callable[[], float]]:
    """Say where each number of `telemetry.metrics.READINGS` is read."""
    s, counters = service, service.ingest.counters
    return {
        "in_flight_prompts": lambda: s.admission.in_use,
        "embed_queue_texts": lambda: s.staging.serving.depth,
        "embed_cache_bytes": lambda: s.staging.serving.cache.bytes,
        "write_queue_prompts": lambda: s.writer.depth,
        "index_prompts": lambda: s.status.index().prompts,
        "index_segments": lambda: s.status.index().segments,
        "index_lag_prompts": s.status.index_lag,
        "snapshot_checkpoint": s.status.snapshot_checkpoint,
        "record_writable": lambda: s.writer.writable,
        "accounts": lambda: s.status.detection().accounts,
        "families": lambda: s.status.detection().families,
        "open_campaigns": lambda: s.status.detection().open_campaigns,
        "unlooked_prompts": lambda: s.status.detection().unlooked,
        "prompts_observed_total": lambda: counters.observed,
        "requests_repeated_total": lambda: counters.repeated_requests,
        "texts_repeated_total": lambda: counters.repeated_texts + s.staging.serving.cache.hits,
        "prompts_capped_total": lambda: counters.capped,
        "prompts_abandoned_total": lambda: s.staging.serving.counters.abandoned,
        "commits_total": lambda: s.writer.commits,
        "embed_batches_total": lambda: s.staging.serving.counters.batches,
        "embed_texts_total": lambda: s.staging.serving.counters.texts,
        "embed_windows_total": lambda: s.staging.serving.counters.windows,
        "embed_tokens_total": lambda: s.staging.serving.counters.tokens,
        "embed_computed_tokens_total": lambda: s.staging.serving.counters.computed,
        "ticks_total": lambda: s.lifecycle.ticks,
        "webhooks_delivered_total": lambda: s.alerts.delivered,
        "webhooks_failed_total": lambda: s.alerts.failed,
        "webhooks_dead_total": lambda: s.alerts.dead,
    }


def _warn_of_new_pseudonyms(settings: Settings, record: SqlRecord) -> None:
    """Warn where accounts that are recorded will not be known again."""
    if will_make_key(settings) and record.highest_seq():
        _log.warning("new_pseudonym_key", data_dir=str(settings.data_dir), hint=_NEW_KEY)
