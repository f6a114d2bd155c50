"""What was not captured or could not be judged, in sentences that stand above the findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.recording import Tri
from schemas.report import Sentence
from schemas.semiology import Coverage, Episode, Finding, FindingStatus, Reason, SideRefersTo, StateBefore
from services.report.agegate import Gate
from services.report.job import ReportInput
from services.report.narrative import is_shown
from services.report.wording import REASON_WORDS, inside, length, listed, side_is_confirmed, title

RHYTHM_RATE_HZ = 15.0
"""Below this effective rate rhythmic signs are not assessable (clinical rules: judging)."""


def not_captured(inputs: Sequence[ReportInput], episodes: Sequence[Episode], gate: Gate) -> tuple[Sentence, ...]:
    """Recording by recording, then episode by episode."""
    sentences: list[Sentence] = []
    for item in inputs:
        mine = [episode for episode in episodes if episode.recording_id == item.recording.id]
        sentences.extend(_recording(item, mine))
    for number, episode in enumerate(episodes, start=1):
        name = f"episode {number}" if len(episodes) > 1 else "the episode"
        sentences.extend(_episode(name, episode, gate))
    if gate is not Gate.CLOSED:
        sentences.extend(_by_reason(episodes))
    return tuple(sentences)


def seconds_by_reason(coverage: Coverage) -> list[tuple[Reason, float]]:
    """Seconds that could not be judged per reason, longest first; spans of one reason that overlap count once."""
    totals: dict[Reason, float] = {}
    for reason in dict.fromkeys(gap.reason for gap in coverage.not_assessable):
        end = 0.0
        for lo, hi in sorted(gap.span for gap in coverage.not_assessable if gap.reason is reason):
            totals[reason] = totals.get(reason, 0.0) + max(hi - max(lo, end), 0.0)
            end = max(end, hi)
    return sorted(totals.items(), key=lambda pair: (-pair[1], pair[0].value))


def _recording(item: ReportInput, episodes: Sequence[Episode]) -> Iterable[Sentence]:
    name, facts, coverage = item.recording.id, item.intake.facts, item.coverage
    source = (name,)
    missing_s = max(coverage.duration_s - coverage.assessable_s, 0.0)
    if missing_s >= 0.05:
        reasons = [f"{REASON_WORDS[reason]} ({length(total)})" for reason, total in seconds_by_reason(coverage)]
        why = f": {'; '.join(reasons)}" if reasons else ""
        text = f"In {name}, {length(missing_s)} of {length(coverage.duration_s)} could not be judged{why}."
        yield Sentence(text, source)
    if facts.slow_motion is Tri.YES:
        yield Sentence(f"{name} seems to be slow motion: no frequency and no duration is stated from it.", source)
    if facts.edited is Tri.YES:
        yield Sentence(f"{name} seems to be edited: parts may be missing and times may jump.", source)
    if facts.effective_rate_hz < RHYTHM_RATE_HZ:
        text = (
            f"{name} shows {facts.effective_rate_hz:.1f} different pictures per second; rhythmic signs need "
            f"{RHYTHM_RATE_HZ:.0f}."
        )
        yield Sentence(text, source)
    if not facts.has_audio:
        yield Sentence(f"{name} has no sound: speech, vocalisation and answers could not be judged.", source)
    unconfirmed = _unconfirmed(item, episodes)
    if unconfirmed:
        why = (
            f"Whether {name} shows left and right mirrored is not known"
            if item.recording.mirrored is Tri.UNKNOWN
            else f"In {name} left and right were inferred, for a patient who faces the camera, and not seen from a face"
        )
        yield Sentence(f"{why}: its sides are unconfirmed until a reviewer confirms them.", (name, *unconfirmed))


def _unconfirmed(item: ReportInput, episodes: Sequence[Episode]) -> tuple[str, ...]:
    """Ids of occurrences whose side is shown without being confirmed."""
    return tuple(
        occurrence.id
        for episode in episodes
        for finding in episode.findings
        if is_shown(finding)
        for occurrence in finding.occurrences
        if occurrence.side_refers_to is not SideRefersTo.NONE
        and occurrence.side.value != "undetermined"
        and not side_is_confirmed(occurrence, item.recording)
    )


def _episode(name: str, episode: Episode, gate: Gate) -> Iterable[Sentence]:
    source = (episode.id,)
    if not episode.onset_captured:
        text = f"The onset of {name} was not captured: no first sign, no total duration and no region can be given."
        yield Sentence(text, source)
    if not episode.offset_captured:
        yield Sentence(f"The end of {name} was not captured.", source)
    if gate is Gate.CLOSED:
        return
    if episode.onset_captured and episode.state_before is StateBefore.UNKNOWN:
        text = f"Whether the patient was awake or apparently asleep before {name} could not be told."
        yield Sentence(text, source)
    order = episode.order
    if order and order.first_sign_reason and order.items and episode.onset_captured:
        yield Sentence(f"First visible sign of {name} not named: {inside(order.first_sign_reason)}", source)


def _by_reason(episodes: Sequence[Episode]) -> Iterable[Sentence]:
    """One sentence per status and reason, for signs that share it in the same episodes; what no engine answers last."""
    for status, words in ((FindingStatus.NOT_TESTED, "Not tested"), (FindingStatus.NOT_ASSESSABLE, "Not assessable")):
        reasons = {finding.reason for one in episodes for finding in one.findings if finding.status is status}
        for reason in sorted(reasons, key=lambda one: (one is Reason.NO_ENGINE, one.value)):
            for numbers, findings in _same_episodes(episodes, status, reason):
                names = listed([inside(title(sign)) for sign in dict.fromkeys(finding.sign for finding in findings)])
                place = "" if len(numbers) == len(episodes) else f" in {_numbered(numbers)}"
                text = f"{words}{place} because {REASON_WORDS[reason]}: {names}."
                yield Sentence(text, tuple(finding.id for finding in findings))


def _same_episodes(
    episodes: Sequence[Episode], status: FindingStatus, reason: Reason
) -> list[tuple[tuple[int, ...], list[Finding]]]:
    """Findings of one status and reason, put together by the episodes (numbered from 1) in which their sign has it."""
    by_sign: dict[str, dict[int, Finding]] = {}
    for number, episode in enumerate(episodes, start=1):
        for finding in episode.findings:
            if finding.status is status and finding.reason is reason:
                by_sign.setdefault(finding.sign, {})[number] = finding
    groups: dict[tuple[int, ...], list[Finding]] = {}
    for found in by_sign.values():
        groups.setdefault(tuple(found), []).extend(found.values())
    return list(groups.items())


def _numbered(numbers: Sequence[int]) -> str:
    return f"{'episode' if len(numbers) == 1 else 'episodes'} {listed([str(number) for number in numbers])}"
