"""Limits of the method, in plain sentences that stand in every report."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.engine import EngineInfo
from schemas.semiology import Episode
from services.report.agegate import AGE_UNKNOWN, NO_FINDINGS, UNVALIDATED, Gate
from services.report.job import ReportInput
from services.report.narrative import NOTHING_SEEN

RESEARCH_USE = (
    "Research use: ictogram is decision support and is not cleared as a medical device anywhere. A qualified clinician "
    "has to look at the video and decide."
)
UNSIGNED = "This version was written by software and has not been read by a clinician."
TRAINING_FREE = "The engines follow fixed rules on measured movement; they have not learned from seizures."
PHASE_0 = (
    "Evidence so far is phase 0 of the five phases used for seizure detection (Beniczky and Ryvlin, Epilepsia 2018): "
    "simulated videos and everyday clips, no patients."
)
SCORES = "Scores put candidates in order; they are not probabilities."
FLAGS = "A review flag follows a fixed rule on stored video; it is not an alarm."
VIDEO_ONLY = (
    "Video shows movement and posture only: what the patient felt, awareness, and the brain's activity are not in it. "
    "Being asleep cannot be told without EEG."
)
TIMES = (
    "Times count from the first frame of each recording as it plays; \N{PLUS-MINUS SIGN} gives half the uncertainty."
)
PRONE = "Lying face down or still after a convulsion is flagged only where an engine measured it."


def limits_for(
    inputs: Sequence[ReportInput], episodes: Sequence[Episode], engines: Sequence[EngineInfo], gate: Gate
) -> tuple[str, ...]:
    """The fixed limits, those that follow from this case, and what the engines said they cannot do."""
    limits = [NOTHING_SEEN, RESEARCH_USE, UNSIGNED, PHASE_0]
    gate_words = {Gate.CLOSED: NO_FINDINGS, Gate.UNVALIDATED: UNVALIDATED, Gate.AGE_UNKNOWN: AGE_UNKNOWN}
    if gate in gate_words:
        limits.insert(1, gate_words[gate])
    judging = [engine for engine in engines if engine.answers]
    if judging and all(engine.training.startswith("training-free") for engine in judging):
        limits.append(TRAINING_FREE)
    if not all(finding.calibrated for episode in episodes for finding in episode.findings if finding.score is not None):
        limits.append(SCORES)
    limits += [VIDEO_ONLY, TIMES, FLAGS, PRONE]
    return tuple(dict.fromkeys([*limits, *(loss for item in inputs for loss in item.losses)]))
