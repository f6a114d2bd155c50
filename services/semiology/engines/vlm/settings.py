"""Settings of the engines `vlm` and `vlm_local`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class VlmSettings(Settings):
    """Where the vision-language model is, and how it is asked."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_VLM_")

    weights: str = Field("", description="Folder with one folder per model: card.json, canary clip and weights.")
    url: str = Field(
        "http://127.0.0.1:8000/v1", description="Base address of an OpenAI-compatible model server, such as vLLM."
    )
    api_key: SecretStr = Field(SecretStr(""), description="Key that the model server wants; empty: none.")
    concurrency: int = Field(
        16, ge=1, description="Questions in flight at the model server: about two windows' per replica."
    )
    clips_at_once: int = Field(2, ge=1, description="Windows asked about at the same time.")
    timeout_s: float = Field(120.0, gt=0, description="Most seconds one question may take.")
    patience_s: float = Field(
        300.0, ge=0, description="Seconds a busy or absent model server is waited for before the step is put back."
    )
    explain: bool = Field(default=True, description="Ask for reason and time span where a sign is seen.")
    explain_tokens: int = Field(160, ge=16, description="Most tokens of a written reason.")
    device: str = Field("cpu", description="vlm_local: where the model runs: cpu or cuda.")
    dtype: Literal["float32", "bfloat16"] = Field("float32", description="vlm_local: number format of the weights.")
    batch: int = Field(4, ge=1, description="vlm_local: questions per forward pass.")
