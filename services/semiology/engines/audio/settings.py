"""Settings of the engine `audio`."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class AudioSettings(Settings):
    """Where the audio-language model is, and how it is asked."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_AUDIO_")

    weights: str = Field(
        "", description="Folder of the audio-language model's card.json and canary; empty: only voices are found."
    )
    url: str = Field(
        "http://127.0.0.1:8001/v1", description="Base address of the OpenAI-compatible server that listens."
    )
    api_key: SecretStr = Field(SecretStr(""), description="Key that the server wants; empty: none.")
    concurrency: int = Field(4, ge=1, description="Questions in flight at the server.")
    clips_at_once: int = Field(1, ge=1, description="Windows asked about at the same time.")
    timeout_s: float = Field(120.0, gt=0, description="Most seconds one question may take.")
    patience_s: float = Field(300.0, ge=0, description="Seconds a busy or absent server is waited for.")
    explain_tokens: int = Field(160, ge=16, description="Most tokens of a written reason.")
