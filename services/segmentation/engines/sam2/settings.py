"""Where the weights of `sam2` lie and how finely it works."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class Sam2Settings(Settings):
    """Settings of the segmentation engine `sam2`; the engine is made without arguments and reads them itself."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_SEGMENTATION_")

    weights: str = Field(
        "",
        description="Folder with a SAM 2 checkpoint, its config.yaml and card.json; empty: the engine motion answers.",
    )
    detector_weights: str = Field(
        "", description="Folder with an RT-DETR person detector and its card.json; empty: BlazePose finds people."
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where SAM 2 computes; bfloat16 on cuda.")
    most_rate_hz: float = Field(
        5.0, gt=0, le=30, description="Most pictures per second that SAM 2 looks at; masks between are interpolated."
    )
    mask_long_side: int = Field(256, ge=32, le=1024, description="Long side of the masks kept, cells.")
    most_people: int = Field(5, ge=1, le=20, description="Most people followed at once, the patient among them.")
    part_s: float = Field(
        600.0, ge=10, le=600, description="Length of the parts in which a recording is followed, seconds."
    )
