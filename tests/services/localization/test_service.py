"""The localization step as a whole: nothing lost, refusals in plain words, the hook for evidence tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from schemas.case import PatientContext
from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.recording import Tri
from schemas.report import LocalizationAid
from schemas.semiology import Episode, Phase
from services.localization import evidence
from services.localization.evidence import EvidenceSource, load_source, refusals
from services.localization.service import LocalizeJob, engine_info, localize
from tests.support import reports


class Tables:
    """An evidence source for tests."""

    def info(self) -> EngineInfo:
        return EngineInfo("tables", "1", "ab" * 32)

    def aid(self, episodes: Sequence[Episode], context: PatientContext) -> LocalizationAid:
        return LocalizationAid(notes=(f"{len(episodes)} episodes, right-handed: {context.handedness == 'right'}",))


TABLES = "tests.services.localization.test_service:Tables"


class NoSource:
    """Lacks everything."""


def _quiet(fraction: float, stage: str, message: str) -> None:
    assert 0 <= fraction <= 1


def test_findings_come_through_unchanged_but_for_phases() -> None:
    given = reports.readings()
    result = localize(LocalizeJob(given, reports.context()), _quiet)
    before = [episode for reading in given for episode in reading.semiology.episodes]
    assert [episode.id for episode in result.episodes] == [episode.id for episode in before]
    for old, new in zip(before, result.episodes, strict=True):
        stripped = tuple(
            replace(finding, occurrences=tuple(replace(one, phase=Phase.UNKNOWN) for one in finding.occurrences))
            for finding in new.findings
        )
        assert stripped == old.findings
        assert new.order is not None
    assert result.episodes[0].order.first_sign == "head_turning"


def test_episodes_come_in_the_order_of_recordings_and_onsets() -> None:
    first, second = reports.whole_episode(), reports.cut_episode()
    shuffled = reports.reading("r1", Tri.NO, 360.0, (second, first))
    assert [one.id for one in localize(LocalizeJob((shuffled,)), _quiet).episodes] == [first.id, second.id]


@pytest.mark.req("no-findings-for-infants-and-spasms")
@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (PatientContext(age_years=1.9), evidence.INFANT),
        (PatientContext(age_years=2), evidence.CHILD),
        (PatientContext(age_years=17.9), evidence.CHILD),
        (PatientContext(), evidence.AGE_UNKNOWN),
        (PatientContext(age_years=40, suspected_spasms=True), evidence.SPASMS),
    ],
)
def test_the_age_gate_refuses(context: PatientContext, reason: str) -> None:
    result = localize(LocalizeJob(reports.readings(), context, evidence_source=TABLES), _quiet)
    assert reason in result.aid.refusal


def test_without_tables_the_refusal_says_so_and_names_every_reason() -> None:
    lost = replace(reports.whole_episode(), onset_captured=False)
    given = (reports.reading("r1", Tri.NO, 360.0, (lost,)),)
    aid = localize(LocalizeJob(given, reports.context()), _quiet).aid
    assert aid.refusal == f"{evidence.NO_ONSET} {evidence.NO_TABLES}"


def test_nothing_to_localise_is_refused() -> None:
    assert refusals((), reports.context()) == (evidence.NO_EPISODE,)
    bare = replace(reports.whole_episode(), findings=())
    assert refusals((bare,), reports.context()) == (evidence.NO_SIGN,)


def test_an_evidence_source_is_asked_when_nothing_speaks_against_it() -> None:
    result = localize(LocalizeJob(reports.readings(), reports.context(), evidence_source=TABLES), _quiet)
    assert result.aid == LocalizationAid(notes=("2 episodes, right-handed: True",))
    assert result.engine.digest != engine_info(10.0).digest


def test_a_source_is_loaded_by_name_and_checked() -> None:
    assert load_source("") is None
    assert isinstance(load_source(TABLES), EvidenceSource)
    with pytest.raises(InvalidRequestError, match="lacks info"):
        load_source("tests.services.localization.test_service:NoSource")
    for wrong in ("nowhere.at.all:Tables", "services.localization.evidence:Nothing", "no-colon"):
        with pytest.raises(InvalidRequestError, match="must be module:Class"):
            load_source(wrong)


def test_the_digest_follows_the_phase_rule() -> None:
    assert engine_info(10.0) == engine_info(10.0)
    assert engine_info(10.0).digest != engine_info(12.0).digest


def test_the_same_job_gives_the_same_result() -> None:
    job = LocalizeJob(reports.readings(), reports.context())
    assert localize(job, _quiet) == localize(job, _quiet)
