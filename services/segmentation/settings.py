"""Which engine segments, and how finely."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class SegmentationSettings(Settings):
    """Settings of the segmentation service."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_SEGMENTATION_")

    slots: int = Field(1, ge=1, le=64, description="Recordings segmented at once, each in a child process of its own.")
    memory_bytes: int = Field(2 * 2**30, ge=2**28, description="Memory that one recording's process may use.")
    cpu_s: float = Field(2 * 3600.0, gt=0, description="CPU seconds that one recording may take.")
    file_bytes: int = Field(4 * 2**30, ge=2**20, description="Largest file that one recording's process may write.")
    engine: str = Field(
        "services.segmentation.engines.motion:MotionEngine", description="Engine that segments, as module:Class."
    )
    mask_rate_hz: float = Field(2.5, gt=0, le=30, description="Masks per second.")
