"""Judges one recording: asks every engine, merges what they propose, and writes one finding per sign and episode."""

from __future__ import annotations

import hashlib
import importlib
import io
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache

from schemas.catalogue import Catalogue, Sign, load_catalogue
from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.recording import IntakeResult, Interval, ObjectRef, Recording, Tri
from schemas.segmentation import Segmentation, View, ViewKind
from schemas.semiology import (
    INITIAL_PHASE_S,
    Coverage,
    CoverageGap,
    Episode,
    Finding,
    FindingStatus,
    Occurrence,
    Phase,
    Reason,
    SemiologyResult,
    Side,
)
from services.media.masks import MaskTrack
from services.media.tracks import MEDIA_TYPE as TRACKS_TYPE
from services.media.tracks import Track, save_tracks
from services.runtime.objects import ObjectStore
from services.semiology.combination import Answered, combined, opinion_of, trusted
from services.semiology.engines import Engine, Evidence, LocalView, Proposal, Report, Sighting, Study
from services.semiology.settings import KINEMATIC

NEEDS_QUESTION = "verbal_responsiveness"
"""The sign that is not tested, rather than not assessable, until somebody is heard to ask."""


@dataclass(frozen=True, slots=True)
class JudgeJob:
    """All that a judging child needs."""

    output_prefix: str
    """Where to write, as an object address."""
    object_store: str
    """Root of the object store."""
    recording: Recording
    """What was sent in."""
    intake: IntakeResult
    """Measured facts and the proxy."""
    segmentation: Segmentation
    """Where the patient is."""
    engines: tuple[str, ...] = (KINEMATIC,)
    """Engines as ``module:Class``, most trusted first."""
    preset: str = ""
    """Preset of the catalogue; empty: the catalogue itself."""


@cache
def load_engine(address: str) -> Engine:
    """The engine at ``module:Class``, loaded once per process. Raises `InvalidRequestError` for anything else."""
    engine = engine_named(address)
    engine.load()
    return engine


def engine_named(address: str) -> Engine:
    """The engine, not yet loaded: enough to say who would answer. Raises `InvalidRequestError` for anything else."""
    module, _, name = address.partition(":")
    try:
        engine = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidRequestError(f"there is no engine at {address!r}; an engine is named as module:Class") from error
    if not isinstance(engine, Engine):
        raise InvalidRequestError(f"{address!r} is no engine: it lacks info(), load() or study()")
    return engine


def engine_infos(addresses: Iterable[str]) -> tuple[EngineInfo, ...]:
    """Who would answer."""
    return tuple(engine_named(address).info() for address in addresses)


def digest(addresses: Iterable[str], preset: str = "") -> str:
    """SHA-256 over the engines in order and the catalogue: equal digests judge alike."""
    parts = [info.digest for info in engine_infos(addresses)]
    return hashlib.sha256("\n".join((*parts, load_catalogue(preset).digest)).encode()).hexdigest()


def judge(job: JudgeJob, report: Report) -> SemiologyResult:
    """Everything the engines see in one recording; a top-level job function for a computing child.

    Raises `UnreadableMediaError`, `ObjectMissingError` or `StorageFullError`.
    """
    store, catalogue = ObjectStore(job.object_store), load_catalogue(job.preset)
    engines = [load_engine(address) for address in job.engines]
    with ExitStack() as stack:
        evidence = Evidence(
            recording=job.recording,
            intake=job.intake,
            segmentation=job.segmentation,
            proxy=stack.enter_context(store.local(job.intake.proxy)),
            masks=_masks(store, job.segmentation),
            open_view=lambda kind: _local_view(stack, store, job, kind),
        )
        studies = [engine.study(evidence, _share(report, k, len(engines))) for k, engine in enumerate(engines)]
    infos = tuple(engine.info() for engine in engines)
    proposals = merge([proposal for study in studies for proposal in study.proposals()])
    judged = list(zip(infos, studies, strict=True))
    episodes = tuple(_episode(job.recording, n, p, judged, catalogue) for n, p in enumerate(proposals, start=1))
    return SemiologyResult(
        engines=infos,
        coverage=_coverage(job, studies),
        episodes=episodes,
        tracks=_store_tracks(store, job.output_prefix, studies),
        catalogue_version=catalogue.version,
    )


def merge(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Proposals of all engines in time order; those that overlap become one with the widest span and best score."""
    merged: list[Proposal] = []
    for proposal in sorted(proposals, key=lambda p: p.onset_s.lo):
        if merged and proposal.onset_s.lo <= merged[-1].offset_s.hi:
            merged[-1] = _joined(merged[-1], proposal)
        else:
            merged.append(proposal)
    return tuple(merged)


def _joined(first: Proposal, second: Proposal) -> Proposal:
    later = second if second.offset_s.hi > first.offset_s.hi else first
    best = first if first.score >= second.score else second
    return replace(
        first,
        offset_s=later.offset_s,
        offset_captured=later.offset_captured,
        score=best.score,
        rationale=f"{first.rationale} {second.rationale}",
    )


def _masks(store: ObjectStore, segmentation: Segmentation) -> MaskTrack | None:
    if not segmentation.masks.uri:
        return None
    return MaskTrack.load(io.BytesIO(store.read_bytes(segmentation.masks)))


def _local_view(stack: ExitStack, store: ObjectStore, job: JudgeJob, kind: ViewKind) -> LocalView | None:
    """A view that segmentation made; the recording's own sound is there without that."""
    view = next((view for view in job.segmentation.views if view.kind is kind), None)
    if view is None and kind is ViewKind.AUDIO and job.intake.audio is not None:
        view = View(kind, job.intake.audio)
    return None if view is None else LocalView(view, stack.enter_context(store.local(view.object)))


def _share(report: Report, part: int, parts: int) -> Report:
    return lambda fraction, stage, message: report((part + fraction) / parts, stage, message)


def _coverage(job: JudgeJob, studies: Sequence[Study]) -> Coverage:
    """What at least one engine could judge."""
    duration_s = job.intake.facts.duration_s
    gaps: tuple[CoverageGap, ...] = studies[0].gaps() if studies else ()
    lost_s = sum(span.length_s for span in union([gap.span for gap in gaps]))
    return Coverage(
        recording_id=job.recording.id,
        duration_s=duration_s,
        assessable_s=max(0.0, duration_s - lost_s),
        not_assessable=gaps,
    )


def union(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as disjoint spans in time order."""
    joined: list[Interval] = []
    for span in sorted(spans):
        if joined and span.lo <= joined[-1].hi:
            joined[-1] = Interval(joined[-1].lo, max(joined[-1].hi, span.hi))
        else:
            joined.append(span)
    return tuple(joined)


def _episode(
    recording: Recording,
    number: int,
    proposal: Proposal,
    judged: Sequence[tuple[EngineInfo, Study]],
    catalogue: Catalogue,
) -> Episode:
    episode_id = f"{recording.id}-e{number}"
    answers: dict[str, list[Answered]] = {}
    for info, study in judged:
        for answer in study.answers(proposal):
            answers.setdefault(answer.sign, []).append((answer, info))
    findings = tuple(
        _finding(recording, episode_id, proposal, sign, trusted(sign, answers.get(sign.id, [])), catalogue.version)
        for sign in catalogue.signs
    )
    onsets = [o.onset_s for f in findings for o in f.occurrences if f.status is FindingStatus.PRESENT]
    return Episode(
        id=episode_id,
        recording_id=recording.id,
        score=proposal.score,
        onset_s=proposal.onset_s,
        offset_s=proposal.offset_s,
        onset_captured=proposal.onset_captured,
        offset_captured=proposal.offset_captured,
        state_before=proposal.state_before,
        first_visible_sign_s=min(onsets) if onsets and proposal.onset_captured else None,
        rationale=proposal.rationale,
        findings=findings,
    )


def _finding(
    recording: Recording,
    episode_id: str,
    proposal: Proposal,
    sign: Sign,
    answered: Sequence[Answered],
    catalogue_version: str,
) -> Finding:
    length_s = max(0.0, proposal.offset_s.middle_s - proposal.onset_s.middle_s)
    finding = Finding(
        id=f"{episode_id}-{sign.id}",
        sign=sign.id,
        status=FindingStatus.NOT_ASSESSABLE,
        reason=Reason.NO_ENGINE,
        reason_text="No installed engine can judge it; a reviewer can enter it.",
        episode_s=length_s,
        catalogue_version=catalogue_version,
    )
    if not answered:
        return _untested(finding) if sign.id == NEEDS_QUESTION else finding
    opinions = tuple(opinion_of(answer, info, sign, length_s) for answer, info in answered)
    decided = combined(sign, opinions)
    answer, info = answered[opinions.index(decided.leading)]
    shown = [s for s in answer.sightings if s.score >= sign.t_show]
    occurrences = tuple(_occurrence(recording, episode_id, proposal, sign, n, s) for n, s in enumerate(shown, start=1))
    return replace(
        finding,
        status=decided.status,
        reason=decided.leading.reason,
        reason_text=decided.leading.reason_text,
        score=decided.score,
        assessable_s=decided.leading.assessable_s,
        occurrences=occurrences,
        engine=info,
        view=answer.view,
        opinions=opinions if len(opinions) > 1 else (),
    )


def _untested(finding: Finding) -> Finding:
    """Nobody is known to have asked: that the patient did not answer says nothing (clinical rule)."""
    text = "No engine listened for a question to the patient, so none was heard; a reviewer can enter what was tested."
    return replace(finding, status=FindingStatus.NOT_TESTED, reason=Reason.NO_QUESTION_HEARD, reason_text=text)


def _occurrence(
    recording: Recording, episode_id: str, proposal: Proposal, sign: Sign, number: int, sighting: Sighting
) -> Occurrence:
    return Occurrence(
        id=f"{episode_id}-{sign.id}-{number}",
        sign=sign.id,
        onset_s=sighting.onset_s,
        offset_s=sighting.offset_s,
        side=sighting.side,
        side_refers_to=sign.side_refers_to,
        side_confirmed=is_side_confirmed(sighting, recording),
        body_part=sighting.body_part,
        phase=phase_of(sighting, proposal),
        score=sighting.score,
        censored_left=sighting.censored_left,
        censored_right=sighting.censored_right,
        touched_by_staff=sighting.touched_by_staff,
        rationale=sighting.rationale,
        measures=sighting.measures,
    )


def is_side_confirmed(sighting: Sighting, recording: Recording) -> bool:
    """A side counts without a reviewer only when it was seen and the picture is known not to deceive."""
    return (
        sighting.side is not Side.UNDETERMINED and not sighting.side_inferred and recording.mirrored is not Tri.UNKNOWN
    )


def phase_of(sighting: Sighting, proposal: Proposal) -> Phase:
    """Initial near a captured onset (`INITIAL_PHASE_S`), unknown when it was missed, post-ictal after the offset."""
    if sighting.onset_s.lo >= proposal.offset_s.hi:
        return Phase.POST_ICTAL
    if not proposal.onset_captured:
        return Phase.UNKNOWN
    return Phase.INITIAL if sighting.onset_s.lo <= proposal.onset_s.lo + INITIAL_PHASE_S else Phase.SUBSEQUENT


def _store_tracks(store: ObjectStore, prefix: str, studies: Sequence[Study]) -> ObjectRef:
    tracks: dict[str, Track] = {}
    for study in studies:
        for track in study.tracks():
            tracks.setdefault(track.sign, track)
    with tempfile.SpooledTemporaryFile(max_size=1 << 24) as file:
        save_tracks(file, tuple(tracks.values()))  # type: ignore[arg-type]
        file.seek(0)
        return store.put_stream(iter(lambda: file.read(1 << 20), b""), store.join(prefix, "tracks.npz"), TRACKS_TYPE)
