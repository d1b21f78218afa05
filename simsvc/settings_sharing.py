"""The settings of sharing with partners."""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


def decode_key(value: SecretStr) -> bytes:
    """Return the bytes of a key given in base64."""
    return base64.b64decode(value.get_secret_value(), validate=True)


def _is_key(value: SecretStr) -> SecretStr:
    if len(decode_key(value)) != 32:
        raise ValueError("must be 32 bytes in base64")
    return value


Key = Annotated[SecretStr, AfterValidator(_is_key)]
# As long as the record has room for, and nothing that PostgreSQL cannot hold.
KeyId = Annotated[str, Field(pattern=r"^[^\x00]{1,64}$")]


class SharingSettings(BaseSettings):
    """See `Settings`, which these are part of."""

    sharing_keys: dict[KeyId, Key] = Field(
        {}, description="Keys shared with partners by id, 32 bytes in base64."
    )
    sharing_key_id: str = Field("", description="The key that exports are made with.")
    sharing_producer: str = Field(
        "a model provider", min_length=1, description="Name of this house in exports."
    )
    sharing_k: int = Field(
        5, ge=2, description="Fewest accounts that anything in an export is about."
    )
    sharing_valid: float = Field(
        90 * 86400.0, ge=86400.0, description="How long exported indicators are valid."
    )
    sharing_prompts: int = Field(
        50_000, ge=1, description="Newest prompts that partners' indicators are looked for in."
    )

    @model_validator(mode="after")
    def _sharing_key_is_there(self) -> SharingSettings:
        if self.sharing_key_id and self.sharing_key_id not in self.sharing_keys:
            raise ValueError("sharing_key_id must name one of sharing_keys")
        return self
