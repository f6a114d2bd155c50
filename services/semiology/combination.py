"""From the answers of several engines to what the report says: the catalogue's rule, with every opinion kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.catalogue import Combine, Sign
from schemas.engine import EngineInfo
from schemas.semiology import FindingStatus, Opinion, Reason
from services.semiology.engines import Answer

Answered = tuple[Answer, EngineInfo]
"""An answer and who gave it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of several opinions."""

    status: FindingStatus
    """What is said."""
    score: float | None
    """0-1; none when nobody could judge."""
    leading: Opinion
    """The opinion whose occurrences, view and reason the finding takes over."""


def trusted(sign: Sign, answered: Sequence[Answered]) -> list[Answered]:
    """The answers of the engines that the catalogue names for a sign, in its order; of all, when it names none."""
    if not sign.engines:
        return list(answered)
    return [one for name in sign.engines for one in answered if one[1].name == name]


def opinion_of(answer: Answer, info: EngineInfo, sign: Sign, episode_s: float) -> Opinion:
    """What one engine would say alone."""
    if answer.assessable_s <= 0:
        reason = answer.reason if answer.reason is not Reason.NONE else Reason.VIEW_MISSING
        status = FindingStatus.NOT_TESTED if reason is Reason.NO_QUESTION_HEARD else FindingStatus.NOT_ASSESSABLE
        return Opinion(info, status, None, 0.0, reason, answer.reason_text, answer.view)
    score = max([answer.score, *(sighting.score for sighting in answer.sightings)])
    shown = any(sighting.score >= sign.t_show for sighting in answer.sightings)
    return Opinion(
        engine=info,
        status=status_of(score if shown else 0.0, sign),
        score=score,
        assessable_s=min(answer.assessable_s, episode_s),
        reason=answer.reason,
        reason_text=answer.reason_text,
        view=answer.view,
    )


def combined(sign: Sign, opinions: Sequence[Opinion]) -> Decision:
    """One finding from at least one opinion, by the sign's rule. Who could not judge has no vote."""
    judged = [opinion for opinion in opinions if opinion.score is not None]
    if not judged:
        return Decision(opinions[0].status, None, opinions[0])
    if sign.combine is Combine.FIRST:
        return Decision(judged[0].status, judged[0].score, judged[0])
    strongest = max(judged, key=lambda opinion: opinion.score or 0.0)
    if sign.combine is Combine.ANY:
        return Decision(strongest.status, strongest.score, strongest)
    said = {opinion.status for opinion in judged}
    status = said.pop() if len(said) == 1 else FindingStatus.POSSIBLE
    return Decision(status, sum(opinion.score or 0.0 for opinion in judged) / len(judged), strongest)


def status_of(score: float, sign: Sign) -> FindingStatus:
    """Present from ``t_state`` on, possible from ``t_show`` on, else not seen (never absent)."""
    if score >= sign.t_state:
        return FindingStatus.PRESENT
    return FindingStatus.POSSIBLE if score >= sign.t_show else FindingStatus.NOT_SEEN
