"""What intake accepts, and what it makes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class IntakeSettings(Settings):
    """Settings of the intake service."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_INTAKE_")

    slots: int = Field(1, ge=1, le=64, description="Recordings read at once, each in a child process of its own.")
    memory_bytes: int = Field(2 * 2**30, ge=2**28, description="Address space that one recording's process may use.")
    cpu_s: float = Field(6 * 3600.0, gt=0, description="CPU seconds that one recording may take.")
    file_bytes: int = Field(8 * 2**30, ge=2**20, description="Largest file that one recording's process may write.")
    threads: int = Field(2, ge=1, le=16, description="FFmpeg threads that decode one recording.")
    encoder_threads: int = Field(1, ge=1, le=16, description="Threads that encode one proxy; part of its bytes.")

    min_duration_s: float = Field(1.0, ge=0, description="Shortest recording accepted, seconds.")
    max_duration_s: float = Field(4 * 3600.0, gt=0, description="Longest recording accepted, seconds.")
    max_bytes: int = Field(8 * 2**30, gt=0, description="Largest file accepted, bytes.")
    max_side_px: int = Field(4096, ge=16, description="Longest side of the picture accepted, pixels.")
    min_side_px: int = Field(16, ge=2, description="Shortest side of the picture accepted, pixels.")
    max_aspect: float = Field(32.0, ge=1, description="Most times that the picture's long side may be its short one.")
    max_rate_hz: float = Field(960.0, gt=0, description="Highest frame rate accepted, as measured, per second.")
    max_bad_share: float = Field(
        0.2, ge=0, le=1, description="Largest share of damaged packets that are skipped before the file is refused."
    )
    max_guessed_share: float = Field(
        0.5, ge=0, le=1, description="Largest share of pictures without a usable time before the file is refused."
    )
    duration_tolerance: float = Field(
        0.25,
        ge=0,
        description="How far the stated length may be off the decoded one, as a share of the longer (or 5 s).",
    )

    proxy_long_side_px: int = Field(640, ge=64, le=4096, description="Long side of the proxy, pixels; never enlarged.")
    proxy_max_rate_hz: float = Field(30.0, ge=1, le=120, description="Highest frame rate of the proxy, per second.")
    proxy_crf: int = Field(21, ge=0, le=51, description="x264 constant rate factor of the proxy: lower is better.")
    proxy_preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "ultrafast", description="x264 preset of the proxy: faster ones make larger files."
    )
    thumbnail_long_side_px: int = Field(320, ge=32, le=1280, description="Long side of a thumbnail, pixels.")
    thumbnail_every_s: float = Field(10.0, gt=0, description="Seconds between thumbnails, doubled when too many.")
    thumbnail_max: int = Field(60, ge=1, le=1000, description="Most thumbnails of one recording.")

    analysis_rate_hz: float = Field(5.0, ge=1, le=30, description="Pictures per second that quality is measured on.")
    dark_luma: float = Field(
        32.0, ge=0, le=255, description="Dark where nine tenths of the picture stay below this luma (0-255)."
    )
    blur_sharpness: float = Field(
        4.0, ge=0, description="Blurred where the variance of the Laplacian of the proxy's luma is below this."
    )
    blur_relative: float = Field(
        0.1, ge=0, le=1, description="Also blurred where it is below this share of the recording's median sharpness."
    )
    shift_px: float = Field(
        0.8,
        gt=0,
        description="The camera moves where the picture shifts by this many 160ths of its long side in 0.2 s.",
    )
    freeze_s: float = Field(2.0, gt=0, description="Frozen where identical pictures last this many seconds.")
