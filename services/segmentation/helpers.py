"""The engines beside the one that segments: who finds joints, who writes down words. Kept once per process.

Weights that are not there or not usable are a loss that the report states, never an error: the recording can still be
judged by what is left.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from services.runtime import logs
from services.segmentation.engines.blazepose import BlazePoseEngine
from services.segmentation.engines.vitpose import VitPoseEngine
from services.segmentation.engines.whisper import WhisperListener
from services.segmentation.joints import PoseEngine
from services.segmentation.settings import SegmentationSettings

NO_POSE_WEIGHTS = (
    "The weights chosen for joints could not be used; the smaller network that comes along was used instead."
)
NO_SPEECH_WEIGHTS = "There are no weights for speech, so that nothing that was said could be written down."
BAD_SPEECH_WEIGHTS = "The weights for speech could not be used, so that nothing that was said could be written down."

log = logs.get(__name__)


@cache
def pose_engine(weights: str) -> tuple[PoseEngine, tuple[str, ...]]:
    """Who finds joints, ready: ViTPose from a folder, else BlazePose; and what is lost by that."""
    if weights:
        chosen = VitPoseEngine(Path(weights))
        try:
            chosen.load()
        except InvalidRequestError as error:
            log.warning("pose weights not usable", reason=error.message)
        else:
            return chosen, ()
    own = BlazePoseEngine()
    own.load()
    return own, (NO_POSE_WEIGHTS,) if weights else ()


@cache
def listener(weights: str, language: str) -> tuple[WhisperListener | None, tuple[str, ...]]:
    """Who writes down words, ready, if anybody; and what is lost without."""
    if not weights:
        return None, (NO_SPEECH_WEIGHTS,)
    chosen = WhisperListener(Path(weights), language)
    try:
        chosen.load()
    except InvalidRequestError as error:
        log.warning("speech weights not usable", reason=error.message)
        return None, (BAD_SPEECH_WEIGHTS,)
    return chosen, ()


def infos(settings: SegmentationSettings) -> tuple[EngineInfo, ...]:
    """Who would find joints and write down words, as far as their cards can be read; loads no weights."""
    engines: list[PoseEngine | WhisperListener] = [
        VitPoseEngine(Path(settings.pose_weights)) if settings.pose_weights else BlazePoseEngine()
    ]
    if settings.speech_weights:
        engines.append(WhisperListener(Path(settings.speech_weights), settings.speech_language))
    told = []
    for engine in engines:
        try:
            told.append(engine.info())
        except InvalidRequestError as error:
            log.warning("weights not usable", reason=error.message)
    return tuple(told)
