"""Several engines, one finding: the catalogue's rules, and nobody's opinion lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.catalogue import Combine, load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import Interval
from schemas.semiology import Finding, FindingStatus, Reason
from services.semiology.combination import combined, opinion_of, trusted
from services.semiology.engines import Answer, Sighting

CLONIC = load_catalogue().by_id["clonic"]
MEASURED, ASKED = (EngineInfo(name, "1", name * 8) for name in ("kinematic", "vlm"))
YES, NO, MAYBE, BLIND = 0.9, 0.1, 0.45, None


def answer(score: float | None) -> Answer:
    if score is None:
        return Answer("clonic", reason=Reason.DARK, reason_text="It was dark.")
    seen = (Sighting(Interval(3, 4), Interval(9, 10), score),) if score >= CLONIC.t_show else ()
    return Answer("clonic", seen, assessable_s=20.0, score=score)


@pytest.mark.parametrize(
    ("rule", "first", "second", "status", "leading"),
    [
        (Combine.FIRST, YES, NO, FindingStatus.PRESENT, "kinematic"),
        (Combine.FIRST, NO, YES, FindingStatus.NOT_SEEN, "kinematic"),
        (Combine.FIRST, BLIND, YES, FindingStatus.PRESENT, "vlm"),
        (Combine.ANY, NO, YES, FindingStatus.PRESENT, "vlm"),
        (Combine.ANY, MAYBE, NO, FindingStatus.POSSIBLE, "kinematic"),
        (Combine.AGREE, YES, YES, FindingStatus.PRESENT, "kinematic"),
        (Combine.AGREE, NO, NO, FindingStatus.NOT_SEEN, "kinematic"),
        (Combine.AGREE, NO, YES, FindingStatus.POSSIBLE, "vlm"),
        (Combine.AGREE, YES, BLIND, FindingStatus.PRESENT, "kinematic"),
        (Combine.AGREE, BLIND, BLIND, FindingStatus.NOT_ASSESSABLE, "kinematic"),
    ],
)
def test_the_rule_of_the_sign_decides(
    rule: Combine, first: float | None, second: float | None, status: FindingStatus, leading: str
) -> None:
    opinions = [opinion_of(answer(first), MEASURED, CLONIC, 20.0), opinion_of(answer(second), ASKED, CLONIC, 20.0)]
    decided = combined(replace(CLONIC, combine=rule), opinions)
    assert decided.status is status
    assert decided.leading.engine.name == leading
    assert (decided.score is None) == (first is None and second is None)


@pytest.mark.req("contradictions-are-shown")
def test_engines_that_contradict_each_other_are_a_dispute() -> None:
    def finding(*scores: float | None) -> Finding:
        infos = (MEASURED, ASKED)
        opinions = tuple(opinion_of(answer(s), i, CLONIC, 20.0) for s, i in zip(scores, infos, strict=True))
        return Finding("r1-e1-clonic", "clonic", FindingStatus.PRESENT, opinions=opinions)

    assert finding(YES, NO).disputed
    assert not finding(YES, MAYBE).disputed
    assert not finding(YES, BLIND).disputed, "who could not see contradicts nobody"


def test_only_the_engines_that_the_sign_names_are_asked_in_its_order() -> None:
    answered = [(answer(YES), MEASURED), (answer(NO), ASKED)]
    assert [info.name for _, info in trusted(CLONIC, answered)] == ["kinematic", "vlm"]
    assert [info.name for _, info in trusted(replace(CLONIC, engines=("vlm", "kinematic")), answered)] == [
        "vlm",
        "kinematic",
    ]
    assert trusted(replace(CLONIC, engines=("audio",)), answered) == []
