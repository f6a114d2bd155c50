"""What the renderings show, worked out once: rows, groups, labels. No claim is made here that the model lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.recording import RecordingFacts, Tri
from schemas.report import EvidenceStill, Report, ReportedRecording, Sentence
from schemas.semiology import Episode, Finding, FindingStatus, OrderItem, Reason, Side
from services.report.agegate import AGE_UNKNOWN, NO_FINDINGS, UNVALIDATED
from services.report.gaps import seconds_by_reason
from services.report.narrative import Strand, strands, timed
from services.report.wording import (
    PHASE_WORDS,
    REASON_WORDS,
    STATUS_WORDS,
    about,
    clock,
    inside,
    length,
    marked,
    roughly,
    side_is_confirmed,
    title,
    where,
)

MAX_CHIPS = 16
"""Most places drawn in an order strip; a page of repeats helps nobody."""
_TRI_WORDS = {Tri.YES: "yes", Tri.NO: "no", Tri.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class Row:
    """A present or possible finding in one place (side, body part)."""

    status: FindingStatus
    title: str
    place: str
    onset: str
    offset: str
    duration: str
    phase: str
    engine: str
    assessable: str
    score: str
    """Score in words, for folded details only."""
    rationale: str
    """Machine-written; shown folded and marked."""
    strand: Strand


@dataclass(frozen=True, slots=True)
class Withheld:
    """Signs that share a status and a reason."""

    status: FindingStatus
    label: str
    reason: str
    titles: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A place in the order strip."""

    place: str
    title: str
    detail: str
    """Possible or not, and the side."""
    onset: str
    certain: bool
    """It certainly begins after the chip before it."""
    possible: bool


@dataclass(frozen=True, slots=True)
class EpisodeView:
    """One episode, ready to be drawn."""

    number: int
    heading: str
    bounds: str
    episode: Episode
    recording: ReportedRecording | None
    rows: tuple[Row, ...]
    withheld: tuple[Withheld, ...]
    disputes: tuple[str, ...]
    """Signs on which engines contradict each other, with what each says; never folded away."""
    chips: tuple[Chip, ...]
    order_note: str
    stills: tuple[tuple[EvidenceStill, str], ...]
    """Stills with their captions."""

    @property
    def has_rationales(self) -> bool:
        """Whether any engine said why."""
        return any(row.rationale for row in self.rows)


@dataclass(frozen=True, slots=True)
class RecordingView:
    """One recording, ready to be drawn."""

    recording: ReportedRecording
    summary: str
    facts: tuple[tuple[str, str], ...]
    gaps: tuple[tuple[str, str], ...]
    """Reason and time that could not be judged."""
    share: float
    """Part of the playing time that could be judged, 0-1."""


@dataclass(frozen=True, slots=True)
class ReportView:
    """The whole report, ready to be drawn."""

    report: Report
    signed: bool
    banner: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]
    """What the age gate has to say, above everything else."""
    recordings: tuple[RecordingView, ...]
    description: tuple[tuple[Sentence, bool], ...]
    """The ordered description; true where an episode or a recording begins."""
    not_captured: tuple[Sentence, ...]
    """What recordings and episodes lack; stands above the findings."""
    not_judged: tuple[Sentence, ...]
    """Signs that could not be judged."""
    episodes: tuple[EpisodeView, ...]
    entered: tuple[tuple[str, str, str, str, str], ...]
    """Tests and interventions in time order: when, what, asked, response, entered by."""
    engines: tuple[tuple[str, str, str, str], ...]
    """Name, version, training, digest."""
    versions: str
    """Versions of everything else, in one line."""


def view_of(report: Report) -> ReportView:
    """The view of a report."""
    finding_ids = {finding.id for episode in report.episodes for finding in episode.findings}
    about_signs = tuple(one for one in report.not_captured if finding_ids.issuperset(one.source_ids))
    return ReportView(
        report=report,
        signed=report.sign_off is not None,
        banner=_banner(report),
        notices=tuple(one for one in (NO_FINDINGS, UNVALIDATED, AGE_UNKNOWN) if one in report.limits),
        description=_led(report.description),
        not_captured=tuple(one for one in report.not_captured if one not in about_signs),
        not_judged=about_signs,
        recordings=tuple(_recording(recording) for recording in report.recordings),
        episodes=tuple(_episode(report, number, one) for number, one in enumerate(report.episodes, start=1)),
        entered=_entered(report),
        engines=tuple((one.name, one.version, one.training or "not stated", one.digest) for one in report.engines),
        versions=(
            f"Sign catalogue {report.catalogue_version}; report schema {report.schema_version}; "
            f"case {report.case_id}; run {report.run_id}."
        ),
    )


def _entered(report: Report) -> tuple[tuple[str, str, str, str, str], ...]:
    tests = [(one.recording_id, one.at_s, (one.kind, one.prompt, one.response, one.entered_by)) for one in report.tests]
    done = [(one.recording_id, one.at_s, (one.kind, "", "", one.entered_by)) for one in report.interventions]
    return tuple(
        (f"{recording_id}, {about(at_s)}", *cells)
        for recording_id, at_s, cells in sorted(tests + done, key=lambda one: (one[0], one[1].middle_s))
    )


def _led(sentences: Sequence[Sentence]) -> tuple[tuple[Sentence, bool], ...]:
    """Each sentence, and whether it is the first that rests on its episode or recording alone."""
    seen: set[str] = set()
    led = []
    for one in sentences:
        first = len(one.source_ids) == 1 and "-" not in one.source_ids[0].partition("-")[2]
        led.append((one, first and one.source_ids[0] not in seen))
        seen.add(one.source_ids[0])
    return tuple(led)


def patient_name(report: Report) -> str:
    """Name as it stands on the banner."""
    subject = report.subject
    return ", ".join(part for part in (subject.family, subject.given) if part) or "name not given"


def _banner(report: Report) -> tuple[tuple[str, str], ...]:
    subject, order = report.subject, report.order
    return (
        ("Patient", patient_name(report)),
        ("Record number", subject.identifier),
        ("Born", subject.birth_date or "not given"),
        ("Sex", subject.sex or "not given"),
        ("Order", order.identifier if order else "none"),
        ("Written", _instant(report.created_at)),
    )


def _rate(facts: RecordingFacts) -> str:
    stated = f"of {facts.nominal_rate_hz:.1f} stated" if facts.nominal_rate_hz > 0 else "(the file states none)"
    return f"{facts.effective_rate_hz:.1f} different {stated}"


def _instant(at: str) -> str:
    """An RFC 3339 instant to the minute, in the zone that it was given in."""
    moment = datetime.fromisoformat(at)
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()


def _recording(reported: ReportedRecording) -> RecordingView:
    facts, coverage, recording = reported.facts, reported.coverage, reported.recording
    sound = "with sound" if facts.has_audio else "no sound"
    rows = (
        ("Source", f"{recording.camera or 'camera not stated'}; filmed by {recording.filmed_by or 'not stated'}"),
        ("Picture", f"{facts.width_px} \N{MULTIPLICATION SIGN} {facts.height_px} px, {facts.codec}, {sound}"),
        ("Pictures per second", _rate(facts)),
        ("Mirrored", _TRI_WORDS[recording.mirrored]),
        ("Infrared", _TRI_WORDS[facts.infrared]),
        ("Slow motion / edited", f"{_TRI_WORDS[facts.slow_motion]} / {_TRI_WORDS[facts.edited]}"),
    )
    share = min(max(coverage.assessable_s / coverage.duration_s, 0.0), 1.0) if coverage.duration_s > 0 else 0.0
    return RecordingView(
        recording=reported,
        summary=(
            f"{recording.id}: {length(coverage.duration_s)} recorded, movement could be judged in "
            f"{length(coverage.assessable_s)} ({share:.0%})"
        ),
        facts=rows,
        gaps=tuple((REASON_WORDS[reason], length(total)) for reason, total in seconds_by_reason(coverage)),
        share=share,
    )


def _episode(report: Report, number: int, episode: Episode) -> EpisodeView:
    reported = next((one for one in report.recordings if one.recording.id == episode.recording_id), None)
    told = strands(episode, reported.recording if reported else None)
    durations = reported is not None and timed(reported.facts)
    rows = [_row(strand, durations) for strand in told]
    heading = f"Episode {number}" if len(report.episodes) > 1 else "Episode"
    return EpisodeView(
        number=number,
        heading=f"{heading} \N{MIDDLE DOT} recording {episode.recording_id}",
        bounds=_bounds(episode),
        episode=episode,
        recording=reported,
        rows=tuple(sorted(rows, key=lambda row: row.status is FindingStatus.POSSIBLE)),
        withheld=_withheld(episode.findings),
        disputes=disputes(episode.findings),
        chips=_chips(episode, reported),
        order_note=_order_note(episode),
        stills=_stills(report, told),
    )


def _bounds(episode: Episode) -> str:
    start = about(episode.onset_s) if episode.onset_captured else "onset not captured"
    end = about(episode.offset_s) if episode.offset_captured else "end not captured"
    return f"{start} \N{EN DASH} {end}"


def _row(strand: Strand, durations: bool) -> Row:
    finding, first = strand.finding, strand.first
    last = max(strand.occurrences, key=lambda one: one.offset_s.middle_s)
    count = len(strand.occurrences)
    whole = durations and count == 1 and not first.censored_left and not first.censored_right
    seconds = max(first.offset_s.middle_s - first.onset_s.middle_s, 0.0)
    score = (
        "" if finding.score is None else f"score {finding.score:.2f}, {'' if finding.calibrated else 'not '}calibrated"
    )
    return Row(
        status=finding.status,
        title=title(finding.sign),
        place=strand.place,
        onset=f"before {clock(first.onset_s.hi)}" if first.censored_left else about(first.onset_s),
        offset=f"after {clock(last.offset_s.lo)}" if last.censored_right else about(last.offset_s),
        duration=roughly(seconds) if whole else f"{count}\N{MULTIPLICATION SIGN}" if count > 1 else "",
        phase=PHASE_WORDS[first.phase],
        engine=f"{finding.engine.name} {finding.engine.version}" if finding.engine else "a person",
        assessable=f"{length(finding.assessable_s)} of {length(finding.episode_s)}",
        score=score,
        rationale=first.rationale,
        strand=strand,
    )


def disputes(findings: Sequence[Finding]) -> tuple[str, ...]:
    """One sentence for each sign that one engine states and another did not see."""
    sentences = []
    for finding in findings:
        if finding.disputed:
            said = "; ".join(
                f"{one.engine.name} {one.engine.version}: {STATUS_WORDS[one.status].lower()}"
                + (f" (score {one.score:.2f})" if one.score is not None else "")
                for one in finding.opinions
            )
            sentences.append(f"{title(finding.sign)}: {said}. Shown as {STATUS_WORDS[finding.status].lower()}.")
    return tuple(sentences)


def _withheld(findings: Sequence[Finding]) -> tuple[Withheld, ...]:
    """Not seen first, then not tested, then not assessable by reason; what no engine answers for comes last."""
    groups: dict[tuple[FindingStatus, Reason], list[Finding]] = {}
    for finding in findings:
        if finding.status in {FindingStatus.NOT_SEEN, FindingStatus.NOT_TESTED, FindingStatus.NOT_ASSESSABLE}:
            groups.setdefault((finding.status, finding.reason), []).append(finding)
    rank = (FindingStatus.NOT_SEEN, FindingStatus.NOT_TESTED, FindingStatus.NOT_ASSESSABLE)
    ordered = sorted(
        groups.items(), key=lambda pair: (rank.index(pair[0][0]), pair[0][1] is Reason.NO_ENGINE, pair[0][1].value)
    )
    return tuple(_group(status, reason, group) for (status, reason), group in ordered)


def _group(status: FindingStatus, reason: Reason, group: Sequence[Finding]) -> Withheld:
    words = REASON_WORDS[reason]
    if status is FindingStatus.NOT_SEEN:
        shortest, whole = min(one.assessable_s for one in group), max(one.episode_s for one in group)
        words = f"looked for over at least {length(shortest)} of {length(whole)}"
    return Withheld(
        status=status,
        label=STATUS_WORDS[status],
        reason=words,
        titles=tuple(title(one.sign) for one in group),
        remarks=tuple(dict.fromkeys(one.reason_text for one in group if one.reason_text)),
    )


def _chips(episode: Episode, reported: ReportedRecording | None) -> tuple[Chip, ...]:
    if episode.order is None:
        return ()
    by_id = {one.id: (finding, one) for finding in episode.findings for one in finding.occurrences}
    chips = []
    before: OrderItem | None = None
    for item in episode.order.items[:MAX_CHIPS]:
        finding, occurrence = by_id[item.occurrence_id]
        confirmed = reported is not None and side_is_confirmed(occurrence, reported.recording)
        side = "" if item.side is Side.UNDETERMINED else marked(where(occurrence, confirmed=confirmed))
        possible = finding.status is FindingStatus.POSSIBLE
        chips.append(
            Chip(
                place=str(item.rank_lo) if item.rank_lo == item.rank_hi else f"{item.rank_lo}\N{EN DASH}{item.rank_hi}",
                title=title(item.sign),
                detail=", ".join(part for part in ("possible" if possible else "", side) if part),
                onset=about(item.onset_s),
                certain=before is not None and before.onset_s.hi < item.onset_s.lo and not occurrence.censored_left,
                possible=possible,
            )
        )
        before = item
    return tuple(chips)


def _order_note(episode: Episode) -> str:
    if episode.order is None:
        return ""
    hidden = len(episode.order.items) - MAX_CHIPS
    more = f"{hidden} later starts are not drawn; report.json has them. " if hidden > 0 else ""
    if episode.order.first_sign:
        return f"{more}First visible sign: {inside(title(episode.order.first_sign))}."
    return f"{more}No first sign is named. {episode.order.first_sign_reason}"


def _stills(report: Report, told: Sequence[Strand]) -> tuple[tuple[EvidenceStill, str], ...]:
    strand_of = {one.id: strand for strand in told for one in strand.occurrences}
    made = []
    for still in report.evidence:
        strand = strand_of.get(still.occurrence_id)
        if strand is not None:
            status = STATUS_WORDS[strand.finding.status].lower()
            made.append((still, f"{clock(still.time_s)}  {title(strand.finding.sign)} ({status})"))
    return tuple(made)
