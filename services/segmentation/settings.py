"""Which engine segments, how finely, and which views are made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from schemas.catalogue import load_catalogue
from schemas.segmentation import ViewKind
from services.runtime.settings import Settings
from services.segmentation.joints import LEAST_RATE_HZ


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
    mask_rate_hz: float | None = Field(None, gt=0, le=30, description="Masks per second; empty: the catalogue's.")
    views: tuple[ViewKind, ...] = Field(
        (ViewKind.FULL_FRAME,),
        description="Views made where a case asks for none: full_frame, silhouette, face_crop, hands, pose_overlay, "
        "privacy, audio, denoised_audio, transcript.",
    )
    silhouette_fill: Literal["black", "blur", "grey"] = Field(
        "grey", description="What the silhouette shows instead of the background and other people."
    )
    pose_rate_hz: float = Field(
        2.5, ge=LEAST_RATE_HZ, le=30, description="Stills per second in which joints are looked for."
    )
    pose_stills: int = Field(
        9000,
        ge=1,
        description="Stills of one recording in which joints are looked for, about: longer recordings get fewer per "
        "second, though never fewer than 1.25.",
    )
    pose_weights: str = Field(
        "", description="Folder with ViTPose weights and their card; empty: BlazePose, which comes along."
    )
    speech_weights: str = Field(
        "", description="Folder with Whisper weights and their card; empty: no transcripts are made."
    )
    speech_language: str = Field("", description="Language spoken, as an ISO 639-1 code; empty: the network decides.")

    def joints_rate_hz(self, length_s: float) -> float:
        """Stills per second in which joints are looked for, in a recording of this length."""
        return min(self.pose_rate_hz, max(LEAST_RATE_HZ, self.pose_stills / length_s))

    @property
    def masks_per_s(self) -> float:
        """The rate that holds: this site's, else the catalogue's."""
        return self.mask_rate_hz or load_catalogue().mask_rate_hz
