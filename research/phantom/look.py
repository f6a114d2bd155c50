"""How a recording looks: size, rate, camera, colours."""

from __future__ import annotations

from dataclasses import dataclass

from research.phantom.script import CAMERAS, Script
from schemas.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Look:
    """How a recording looks."""

    size: tuple[int, int] = (640, 360)
    rate_hz: float = 25.0
    camera: str = "ceiling_corner"
    infrared: bool = True
    mirrored: bool = False
    noise: float = 3.0
    """Standard deviation of the sensor's noise, grey levels."""

    def __post_init__(self) -> None:
        width, height = self.size
        if not (64 <= width <= 4096 and 64 <= height <= 4096) or width % 2 or height % 2:
            raise InvalidRequestError(f"size {width}x{height} must be even and within 64-4096 px")
        if not 1 <= self.rate_hz <= 120:
            raise InvalidRequestError(f"frame rate {self.rate_hz} must be within 1-120 Hz")
        if self.camera not in CAMERAS:
            raise InvalidRequestError(f"camera {self.camera!r} is none of {CAMERAS}")


def look_for(script: Script, **options: object) -> Look:
    """The look a script insists on, over the caller's options, over the defaults."""
    chosen = {name: value for name, value in options.items() if value is not None}
    if script.rate_hz is not None:
        chosen["rate_hz"] = script.rate_hz
    if script.infrared is not None:
        chosen["infrared"] = script.infrared
    if script.camera is not None:
        chosen["camera"] = script.camera
    chosen["mirrored"] = bool(chosen.get("mirrored", False)) or script.mirrored
    return Look(**chosen)  # type: ignore[arg-type]
