"""Every setting, with its default. Environment variables (SIMSVC_…) win over the TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from simsvc.core.access import Role
from simsvc.domain.addresses import is_loopback
from simsvc.domain.validation import Limits
from simsvc.settings_alerts import AlertSettings
from simsvc.settings_console import Address, AnyAddress, ConsoleSettings
from simsvc.settings_sharing import Key, KeyId, SharingSettings, decode_key

_DAY = 86400.0
ENV_PREFIX = "SIMSVC_"
CONFIG_FILE = "SIMSVC_CONFIG"
__all__ = ["CONFIG_FILE", "ENV_PREFIX", "Key", "KeyId", "Settings", "Token", "decode_key"]


_LONGEST_ID = 256


class Token(BaseModel):
    """A bearer token that the server knows, by its hash."""

    name: str = Field(pattern=r"^[^\x00]+$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    roles: frozenset[Role] = Field(min_length=1)


class Settings(ConsoleSettings, AlertSettings, SharingSettings):
    """The settings of a server. Times are in seconds, sizes in bytes of UTF-8."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", hide_input_in_errors=True
    )

    listen: Address = Field("127.0.0.1:50551", description="Address of the gRPC server, host:port.")
    metrics_listen: AnyAddress = Field(
        "127.0.0.1:9551", description='Address of the Prometheus metrics; "" for none.'
    )
    data_dir: Path = Field(
        Path("data"), description="Folder of the embedded record, the index and made-up keys."
    )
    record_url: SecretStr = Field(
        SecretStr(""),
        description="SQLAlchemy URL of the record, sqlite:///… or postgresql://…; "
        "empty: SQLite in `data_dir`.",
    )
    record_busy: float = Field(
        10.0,
        ge=0,
        description="How long a write waits for another process's lock on the record; on "
        "PostgreSQL also a start for the database, or for a server that ends.",
    )
    reflection: bool = Field(False, description="Serve gRPC reflection, without a token.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    log_format: Literal["json", "text"] = Field("json", description="How log lines look.")
    otlp_endpoint: str = Field(
        "", description="Where OpenTelemetry traces go (extra `otel`); empty: nowhere."
    )

    tls_certificate: Path | None = Field(
        None, description="PEM chain; with `tls_key` turns TLS on."
    )
    tls_key: Path | None = Field(None, description="PEM private key of the certificate.")
    tls_client_ca: Path | None = Field(
        None, description="PEM authorities of client certificates; set: mutual TLS."
    )
    tokens: list[Token] = Field(
        default_factory=list,
        description="Bearer tokens as {name, sha256, roles}; `simsvc token` makes one. "
        "None: open to all, on loopback only.",
    )

    pseudonym_keys: dict[KeyId, Key] = Field(
        default_factory=dict,
        description="HMAC keys by id, 32 bytes in base64. None: one is made, kept in `data_dir`.",
    )
    pseudonym_key_id: str = Field("", description="The key that new hashes are made with.")
    keep_raw_ids: bool = Field(False, description="Keep raw account ids beside their hashes.")
    text_storage: Literal["plain", "encrypted", "off"] = Field(
        "plain", description="How prompt texts are stored."
    )
    text_keys: dict[KeyId, Key] = Field(
        default_factory=dict, description="AES-256-GCM keys by id, 32 bytes in base64."
    )
    text_key_id: str = Field("", description="The key that new texts are encrypted with.")

    model: str = Field(
        "all-MiniLM-L6-v2",
        description="The bundled model, any sentence-transformers id, or a folder.",
    )
    model_sha256: str = Field(
        "", description="SHA-256 that the weights must have; the bundled model's is known."
    )
    engine: Literal["auto", "openvino", "torch", "cuda"] = Field(
        "auto",
        description="What computes the model; auto: cuda if there is a GPU, else openvino if the "
        "extra is installed, else torch.",
    )
    openvino_numbers: Literal["auto", "int8", "bf16", "f32"] = Field(
        "auto",
        description="What openvino multiplies; auto: int8 on processors with VNNI and no AMX, if "
        "the vectors are near enough to float32's, else bf16 where there is any, else f32.",
    )
    model_cache: Path = Field(
        Path("~/.cache/simsvc/models"), description="Where converted models are kept."
    )
    model_dtype: Literal["float32", "bfloat16"] = Field(
        "float32", description="Number format of the weights in torch; not float32: torch only."
    )
    max_windows: int = Field(
        16, ge=1, description="Windows embedded of a long prompt; more are spread over its length."
    )
    model_threads: int = Field(
        0, ge=0, description="Cores for the model; 0: as many as the process may use."
    )
    batch_tokens: int = Field(1024, ge=1, description="Padded tokens in one pass of the model.")
    batch_texts: int = Field(256, ge=1, description="Texts taken from the queue at once.")
    cache_mib: int = Field(
        64, ge=0, description="Memory in MiB for embeddings of texts that may come again."
    )

    in_flight_prompts: int = Field(
        2048, ge=1, description="Prompts admitted and not answered; more are shed."
    )
    in_flight_lookups: int = Field(64, ge=1, description="The same for look-ups.")
    group_prompts: int = Field(512, ge=1, description="Prompts in one transaction at the most.")
    limit_batch_prompts: int = Field(512, ge=1, description="Prompts in one batch call.")
    limit_prompt_bytes: int = Field(512 * 1024, ge=1, description="Text of one prompt.")
    limit_messages: int = Field(1024, ge=1, description="Messages in one prompt.")
    limit_id_bytes: int = Field(256, ge=1, le=_LONGEST_ID, description="An id or a model name.")
    limit_attributes: int = Field(32, ge=0, description="Attributes of one prompt.")
    limit_attribute_bytes: int = Field(256, ge=1, description="A key or value of an attribute.")
    limit_page_size: int = Field(200, ge=1, description="Items in one page.")
    limit_check_accounts: int = Field(1024, ge=1, description="Accounts in one check.")
    limit_request_bytes: int = Field(32 * 1024 * 1024, ge=1, description="One gRPC message.")
    clock_skew: float = Field(300.0, ge=0, description="How far `observed_at` may be ahead.")

    retention: float = Field(90 * _DAY, gt=0, description="How long prompts are kept.")
    segment_span: float = Field(_DAY, gt=0, description="Traffic time that expires at once.")
    segment_prompts: int = Field(16_384, ge=16, description="Prompts at which it is sealed.")
    segment_merge: int = Field(
        4, ge=0, description="Sealed segments of like size that are merged into one; 0: none."
    )
    segment_largest: int = Field(
        1_048_576, ge=16, description="Prompts in a merged segment at the most."
    )
    ann_prompts: int = Field(
        1024, ge=16, description="Prompts from which a sealed segment is searched approximately."
    )
    recall: float = Field(
        0.955, gt=0, le=1, description="Recall@10 that a sealed segment is tuned to."
    )
    search_threads: int = Field(2, ge=1, description="Look-ups that run at once.")
    search_similarity: float = Field(
        0.5, ge=-1, le=1, description="Minimum similarity of a look-up that names none."
    )
    snapshot_every: float = Field(300.0, gt=0, description="Time between index snapshots.")
    retention_every: float = Field(3600.0, gt=0, description="Time between retention runs.")

    reindex_workers: int = Field(
        1,
        ge=0,
        description="Worker processes that the server starts for a reindex; 0: none, "
        "`simsvc-indexer run` does it.",
    )

    family_similarity: float = Field(
        0.85, ge=-1, le=1, description="Cosine from which two prompts are near-duplicates."
    )
    leader_similarity: float = Field(
        0.80, ge=-1, le=1, description="Cosine to a family's first prompt that joining it takes."
    )
    family_neighbours: int = Field(8, ge=1, description="Neighbours looked at on arrival.")
    detection_window: float = Field(7 * _DAY, gt=0, description="Window in which accounts count.")
    detection_history: float = Field(
        7 * _DAY, ge=0, description="Traffic before the window that popularity should rest on."
    )
    detection_min_accounts: int = Field(
        10, ge=2, description="Fewest accounts of a campaign, organisations collapsed."
    )
    detection_alpha: float = Field(
        1e-3, gt=0, lt=1, description="Chance of one false report among a window's families."
    )
    detection_text_share: float = Field(
        0.5, ge=0, le=1, description="Distinct texts a prompt, below which it is one copied prompt."
    )
    detection_pool: int = Field(
        4000, ge=16, description="Accounts looked at together in one pass of the detector."
    )
    detection_group: int = Field(
        8, ge=5, description="Fewest accounts of a group found by what they have in common."
    )
    detection_fdr: float = Field(
        0.05, gt=0, lt=1, description="Share of false ones among reported groups, over time."
    )
    detection_renewed: float = Field(
        0.04, gt=0, description="Share of new prompts from which all accounts are looked at again."
    )
    detection_look: float = Field(
        120.0, gt=0, description="Time after which all accounts are looked at again in any case."
    )
    detection_share: float = Field(
        0.1, gt=0, le=1, description="Share of the time in which all accounts may be looked at."
    )
    reference_similarity: float = Field(
        0.9, ge=-1, le=1, description="Cosine from which a prompt is an item of a reference set."
    )
    shadow: bool = Field(
        True,
        description="Campaigns are for analysts only: backends (role ingest) see none of them.",
    )
    detection_tick: float = Field(5.0, gt=0, description="Time between detection ticks.")
    campaign_overlap: float = Field(
        0.5, gt=0, le=1, description="Shared part of the smaller group that joins two groups."
    )
    campaign_quiet_after: float = Field(
        14 * _DAY, gt=0, description="Traffic time without news after which a campaign is quiet."
    )
    drain: float = Field(30.0, gt=0, description="Time to finish what is under way on SIGTERM.")

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.tls_client_ca is not None and self.tls_key is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        if self.console_listen and not self.tokens and not is_loopback(self.console_listen):
            raise ValueError(
                "console_listen is not a loopback address: set up tokens first, or whoever "
                "reaches it has every role"
            )
        direct = self.console_listen and not self.console_address
        if direct and self.tls_client_ca and self.console_client_key is None:
            raise ValueError(
                "console_listen needs console_client_certificate and console_client_key where "
                "tls_client_ca asks every caller for one"
            )
        if "" in self.pseudonym_keys or "" in self.text_keys:
            raise ValueError("a key needs an id")
        if self.pseudonym_keys and self.pseudonym_key_id not in self.pseudonym_keys:
            raise ValueError("pseudonym_key_id must name one of pseudonym_keys")
        if self.text_storage == "encrypted" and self.text_key_id not in self.text_keys:
            raise ValueError("text_key_id must name one of text_keys")
        if self.limit_batch_prompts > self.in_flight_prompts:
            raise ValueError("limit_batch_prompts must not be above in_flight_prompts")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what was passed, then the environment, then the TOML file in SIMSVC_CONFIG."""
        sources = (init_settings, env_settings)
        path = os.environ.get(CONFIG_FILE)
        if not path:
            return sources
        if not Path(path).is_file():
            raise FileNotFoundError(f"{CONFIG_FILE} names {path}, which is no file")
        return (*sources, TomlConfigSettingsSource(settings_cls, path))

    @property
    def limits(self) -> Limits:
        """Return the bounds on requests."""
        return Limits(
            batch_prompts=self.limit_batch_prompts,
            prompt_bytes=self.limit_prompt_bytes,
            messages=self.limit_messages,
            id_bytes=self.limit_id_bytes,
            attributes=self.limit_attributes,
            attribute_bytes=self.limit_attribute_bytes,
            page_size=self.limit_page_size,
            check_accounts=self.limit_check_accounts,
            in_flight_prompts=self.in_flight_prompts,
            retention=self.retention,
            clock_skew=self.clock_skew,
        )
