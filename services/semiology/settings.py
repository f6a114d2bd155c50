"""Settings of the semiology service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings

KINEMATIC = "services.semiology.engines.kinematic.engine:KinematicEngine"


class SemiologySettings(Settings):
    """What an installation may choose about judging signs."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_SEMIOLOGY_")

    engines: tuple[str, ...] = Field(
        (KINEMATIC,),
        description="Engines as module:Class, most trusted first; a sign is answered by the first that can judge it.",
    )
    preset: str = Field(
        "", description="Preset of the catalogue (epivlm, pathmotion): a published study's protocol; empty: our own."
    )
    slots: int = Field(1, ge=1, description="Recordings judged at once.")
    memory_bytes: int = Field(1 << 30, ge=1 << 28, description="Most memory a judging child may use.")
    cpu_s: int = Field(7200, ge=60, description="Most CPU seconds a judging child may use for one recording.")
