"""The ordered description in words, made from findings by fixed templates.

Each sentence carries the ids it rests on. A finding that is only possible is written as possible, a side that is
unconfirmed is written as unconfirmed, and "then" is written only where the onset order is certain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.recording import Interval, Recording, RecordingFacts, Tri
from schemas.report import Sentence
from schemas.semiology import (
    Episode,
    EpisodeState,
    Finding,
    FindingStatus,
    Occurrence,
    Phase,
    StateBefore,
)
from services.report.agegate import NO_FINDINGS, Gate
from services.report.job import ReportInput
from services.report.wording import (
    STATE_WORDS,
    about,
    clock,
    inside,
    length,
    roughly,
    side_is_confirmed,
    tells_state,
    title,
    where,
)

NOTHING_SEEN = "Nothing seen does not exclude a seizure."

_EPISODE_WORDS: dict[EpisodeState, str] = {
    EpisodeState.CANDIDATE: "a candidate seizure, not confirmed by a clinician,",
    EpisodeState.CONFIRMED: "a seizure, confirmed by a reader,",
    EpisodeState.REJECTED: "proposed as a seizure and rejected by a reader,",
}


@dataclass(frozen=True, slots=True)
class Strand:
    """Occurrences of one finding that share side and body part: one sentence tells them."""

    finding: Finding
    place: str
    occurrences: tuple[Occurrence, ...]

    @property
    def first(self) -> Occurrence:
        return self.occurrences[0]


def describe(inputs: Sequence[ReportInput], episodes: Sequence[Episode], gate: Gate) -> tuple[Sentence, ...]:
    """The whole description, recording by recording: its episodes in order, or that none was found in it."""
    sentences: list[Sentence] = []
    numbered = list(enumerate(episodes, start=1))
    for item in inputs:
        mine = [(number, one) for number, one in numbered if one.recording_id == item.recording.id]
        if not mine:
            sentences.append(_nothing_found(item))
        for number, one in mine:
            sentences.extend(_episode(number, len(episodes), one, item, gate))
    return tuple(sentences)


def strands(episode: Episode, recording: Recording | None) -> tuple[Strand, ...]:
    """The present and possible findings of an episode, split by side and part, in the order in which they began.

    Signs that tell the state before the episode have no onset of their own and are left out.
    """
    groups: dict[tuple[str, str], list[Occurrence]] = {}
    findings = {one.id: one for one in episode.findings if is_shown(one) and not tells_state(one.sign)}
    for finding in findings.values():
        for occurrence in finding.occurrences:
            place = where(occurrence, confirmed=side_is_confirmed(occurrence, recording))
            groups.setdefault((finding.id, place), []).append(occurrence)
    made = [
        Strand(findings[finding_id], place, tuple(sorted(group, key=lambda one: (one.onset_s.middle_s, one.id))))
        for (finding_id, place), group in groups.items()
    ]
    return tuple(sorted(made, key=lambda strand: (strand.first.onset_s.middle_s, strand.first.id)))


def is_shown(finding: Finding) -> bool:
    """Whether a finding is present or possible."""
    return finding.status in {FindingStatus.PRESENT, FindingStatus.POSSIBLE}


def timed(facts: RecordingFacts) -> bool:
    """Whether durations may be stated: not when the video may be slow motion."""
    return facts.slow_motion is not Tri.YES


def _nothing_found(item: ReportInput) -> Sentence:
    coverage = item.coverage
    text = (
        f"No episode was found in recording {item.recording.id}. {length(coverage.duration_s)} were looked at; "
        f"movement could be judged in {length(coverage.assessable_s)} of them. {NOTHING_SEEN}"
    )
    return Sentence(text, (item.recording.id,))


def _episode(number: int, count: int, episode: Episode, item: ReportInput, gate: Gate) -> list[Sentence]:
    sentences = [_bounds(number, count, episode, item)]
    if gate is Gate.CLOSED:
        return [*sentences, Sentence(NO_FINDINGS, (episode.id,))]
    if episode.state_before is not StateBefore.UNKNOWN:
        shown_states = (one.id for one in episode.findings if tells_state(one.sign) and is_shown(one))
        text = f"Before it the patient was {STATE_WORDS[episode.state_before]}."
        sentences.append(Sentence(text, (episode.id, *shown_states)))
    told = strands(episode, item.recording)
    if not told:
        return [*sentences, _no_sign(episode)]
    sentences.extend(_in_order(episode, told, timed(item.intake.facts)))
    if episode.order and episode.order.first_sign:
        sentences.append(_first_sign(episode, episode.order.first_sign))
    return sentences


def _bounds(number: int, count: int, episode: Episode, item: ReportInput) -> Sentence:
    name = f"Episode {number} of {count}" if count > 1 else "Episode"
    start = f"begins at {about(episode.onset_s)}"
    if not episode.onset_captured:
        start = f"is already going on at {clock(episode.onset_s.hi)}, when it comes into view,"
    end = f"ends at {about(episode.offset_s)}"
    if not episode.offset_captured:
        end = f"is still going on at {clock(episode.offset_s.lo)}, when the view of it ends"
    text = f"{name} (recording {episode.recording_id}): {_EPISODE_WORDS[episode.state]} {start} and {end}"
    if episode.onset_captured and episode.offset_captured and timed(item.intake.facts):
        text += f", after about {roughly(episode.offset_s.middle_s - episode.onset_s.middle_s)}"
    return Sentence(f"{text}.", (episode.id,))


def _no_sign(episode: Episode) -> Sentence:
    text = f"No sign reached the strength to be stated or called possible. {NOTHING_SEEN}"
    return Sentence(text, (episode.id,))


def _in_order(episode: Episode, told: Sequence[Strand], durations: bool) -> list[Sentence]:
    later = _certainly_later(episode)
    sentences: list[Sentence] = []
    previous: Strand | None = None
    for strand in told:
        sources = [strand.finding.id, *(occurrence.id for occurrence in strand.occurrences)]
        lead = ""
        if strand.first.phase is Phase.POST_ICTAL:
            lead = "After the end of the episode, "
            sources.append(episode.id)
        elif previous is not None:
            certain = strand.first.id in later.get(previous.first.id, frozenset())
            lead = "Then, " if certain else "Around the same time (order not certain), "
            sources.append(previous.first.id)
        sentences.append(Sentence(_strand_text(strand, lead, durations), tuple(sources)))
        previous = strand
    return sentences


def _strand_text(strand: Strand, lead: str, durations: bool) -> str:
    subject = title(strand.finding.sign)
    if strand.finding.status is FindingStatus.POSSIBLE:
        subject = f"Possible {inside(subject)}"
    if lead:
        subject = lead + inside(subject)
    if strand.place:
        subject += f", {strand.place}"
    text = f"{subject}, {_when(strand, durations)}"
    if any(occurrence.touched_by_staff for occurrence in strand.occurrences):
        text += "; somebody touched the patient meanwhile"
    return f"{text}."


def _when(strand: Strand, durations: bool) -> str:
    occurrences = strand.occurrences
    first = strand.first
    if len(occurrences) > 1:
        end = max(occurrences, key=lambda occurrence: occurrence.offset_s.middle_s).offset_s
        return f"{len(occurrences)} times between {about(first.onset_s)} and {about(end)}"
    start = f"from {about(first.onset_s)}"
    if first.censored_left:
        start = f"already going on at {clock(first.onset_s.hi)}, when it can first be judged,"
    if first.censored_right:
        return f"{start}, still going on at {clock(first.offset_s.lo)}, when it can no longer be judged"
    text = f"{start} to {about(first.offset_s)}"
    if durations and not first.censored_left:
        text += f", about {roughly(_duration(first.onset_s, first.offset_s))}"
    return text


def _duration(onset: Interval, offset: Interval) -> float:
    return max(offset.middle_s - onset.middle_s, 0.0)


def _first_sign(episode: Episode, sign: str) -> Sentence:
    sources = tuple(finding.id for finding in episode.findings if finding.sign == sign)
    return Sentence(f"First visible sign: {inside(title(sign))}.", (*sources, episode.id))


def _certainly_later(episode: Episode) -> Mapping[str, frozenset[str]]:
    """For each occurrence those that certainly begin after it, from the reduced pairs of the order."""
    direct: dict[str, set[str]] = {}
    for pair in episode.order.precedences if episode.order else ():
        direct.setdefault(pair.earlier, set()).add(pair.later)
    reached: dict[str, frozenset[str]] = {}

    def follow(start: str) -> frozenset[str]:
        if start not in reached:
            reached[start] = frozenset().union(*({one} | follow(one) for one in direct.get(start, ())))
        return reached[start]

    return {start: follow(start) for start in direct}
