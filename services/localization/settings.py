"""Settings of the localization service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from schemas.semiology import INITIAL_PHASE_S
from services.runtime.settings import Settings


class LocalizationSettings(Settings):
    """What the localization service lets a site choose."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_LOCALIZATION_")

    slots: int = Field(1, ge=1, le=64, description="Cases ordered at once.")
    initial_phase_s: float = Field(
        INITIAL_PHASE_S, ge=1, le=60, description="Seconds from an episode's onset in which a sign counts as initial."
    )
    evidence_source: str = Field("", description="module:Class of evidence tables; empty: none, the aid is refused.")
