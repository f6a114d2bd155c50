"""Small stills of the recording, evenly spread without knowing its length beforehand."""

from __future__ import annotations

import io

import av
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from services.intake.settings import IntakeSettings
from services.media.geometry import fit_long_side

MEDIA_TYPE = "image/jpeg"
_QUALITY = 80
_SLACK_S = 1e-3


class Thumbnails:
    """Keeps one still each `thumbnail_every_s`; when there are too many, every second one goes and the step doubles."""

    def __init__(self, settings: IntakeSettings) -> None:
        self._settings = settings
        self._step_s = settings.thumbnail_every_s
        self._due_s = 0.0
        self._scale = VideoReformatter()
        self.kept: list[tuple[float, bytes]] = []

    def offer(self, time_s: float, frame: av.VideoFrame) -> None:
        """Take the frame if one is due."""
        if time_s < self._due_s - _SLACK_S:
            return
        if len(self.kept) == self._settings.thumbnail_max:
            self.kept = self.kept[::2]
            self._due_s += self._step_s * (len(self.kept) % 2)
            self._step_s *= 2
            if time_s < self._due_s - _SLACK_S:
                return
        self.kept.append((time_s, self._jpeg(frame)))
        self._due_s += self._step_s

    def _jpeg(self, frame: av.VideoFrame) -> bytes:
        width, height = fit_long_side(frame.width, frame.height, self._settings.thumbnail_long_side_px)
        small = self._scale.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA, threads=1)
        target = io.BytesIO()
        Image.fromarray(small.to_ndarray()).save(target, "JPEG", quality=_QUALITY)
        return target.getvalue()
