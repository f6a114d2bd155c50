"""What the catalogue holds, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from schemas.segmentation import BodyPart, ViewKind
from schemas.semiology import Phase, SideRefersTo

VIEW_GROUPS = ("body", "limbs", "face", "audio")
"""Adapters of the catalogue itself. A model server keeps what it read of a window per adapter: fewer are cheaper."""


class SignGroup(StrEnum):
    """Where a sign stands in lists."""

    STATE = "state"
    BEHAVIOUR = "behaviour"
    HEAD_EYES = "head_eyes"
    FACE = "face"
    MOTOR_LIMB = "motor_limb"
    MOTOR_BODY = "motor_body"
    VOCAL = "vocal"
    POST_ICTAL = "post_ictal"


class SamplingKind(StrEnum):
    """How a model sees a window."""

    CLIP = "clip"
    STILLS = "stills"


class Combine(StrEnum):
    """How the answers of several engines become one finding. Every engine's own answer stands beside it."""

    FIRST = "first"
    """The most trusted that could judge decides."""
    AGREE = "agree"
    """Stated when all that could judge state it, not seen when all saw nothing, else possible."""
    ANY = "any"
    """The highest answer counts: nothing that one engine saw is lost."""


class Aggregate(StrEnum):
    """How the scores of overlapping windows become occurrences."""

    HYSTERESIS = "hysteresis"
    """A run begins where the score reaches `t_state` and reaches out as far as it stays over `t_show`."""
    ANY_WINDOW = "any_window"
    """Every window at or over `t_state` counts as yes; runs of at least `least_run` windows are occurrences."""


class CodeRelation(StrEnum):
    """R4's concept-map-equivalence as far as we use it, read from our concept to the target."""

    EQUIVALENT = "equivalent"
    WIDER = "wider"
    NARROWER = "narrower"
    RELATED_TO = "relatedto"


class Lateralises(StrEnum):
    """What a sign's side says about the hemisphere."""

    CONTRALATERAL = "contralateral"
    IPSILATERAL = "ipsilateral"
    DOMINANT = "dominant"
    NON_DOMINANT = "non_dominant"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Sampling:
    """In which pieces a model sees the recording."""

    kind: SamplingKind
    """Clip (motion matters) or single stills."""
    window_s: float
    """Length of a piece, seconds."""
    hop_s: float
    """Step from piece to piece, seconds; at most the window."""
    fps: float
    """Frames shown per second."""


@dataclass(frozen=True, slots=True)
class ExternalCode:
    """A code of somebody else's system and how it relates to our sign."""

    code: str
    """Such as ``HED_0042282`` or ``HP:0020221``."""
    label: str
    """The system's own name of it."""
    relation: CodeRelation
    """From our sign to their code: ``wider`` means theirs is broader."""


@dataclass(frozen=True, slots=True)
class Lateralising:
    """What the literature reports about the hemisphere."""

    value: Lateralises
    """Which hemisphere, relative to the sign's side or to language; ``none``: it casts no vote."""
    source: str
    """Key of the catalogue's sources."""
    condition: str
    """When it may be used, in words."""
    agree: int | None = None
    """Reports that agree with ``value`` (for ``none``: that were contralateral)."""
    of: int | None = None
    """Reports counted."""


@dataclass(frozen=True, slots=True)
class ViewSize:
    """Pixel size at which a view is shown to a model."""

    kind: ViewKind
    """Which view."""
    width_px: int
    """Width, pixels."""
    height_px: int
    """Height, pixels."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One semiological sign. The head of ``signs.toml`` explains each field."""

    id: str
    """Our code, also in FHIR."""
    title: str
    """Display name."""
    group: SignGroup
    """Where it stands in lists."""
    definition: str
    """What it is."""
    source: tuple[str, ...]
    """Keys of the catalogue's sources."""
    ilae_term: bool
    """Whether the ILAE glossaries define it as a term."""
    question: str
    """Yes/no question about what can be seen or heard."""
    views: tuple[ViewKind, ...]
    """Views that can answer, best first."""
    sampling: Sampling
    """Pieces."""
    body_part: BodyPart
    """Part whose size counts for ``min_source_px``."""
    min_source_px: float
    """Smallest size of the part in pixels of the original; 0 for what is heard."""
    min_duration_s: float
    """Shortest run that counts, seconds; below the shortest clinical form."""
    needs_before_s: float
    """Assessable video that must precede the onset, seconds."""
    t_show: float
    """Score from which it is shown as possible."""
    t_state: float
    """Score from which it is stated as present."""
    calibration: str
    """Identifier of a clinical calibration set; ``none`` when the score is no probability."""
    adapter: str
    """Name of the adapter that answers: one per view group (`VIEW_GROUPS`) unless a preset has one per sign."""
    side_refers_to: SideRefersTo
    """What its side means."""
    phases: tuple[Phase, ...]
    """Phases in which it can begin."""
    rhythmic: bool
    """Frequency matters: needs 15 effective frames per second and real-time playback."""
    facial: bool
    """Needs facial detail."""
    human_entered: bool
    """No engine answers yet."""
    engines: tuple[str, ...] = ()
    """Names of the engines to ask, most trusted first; empty: all that are installed, in the order of the settings."""
    combine: Combine = Combine.FIRST
    """How their answers become one."""
    aggregate: Aggregate = Aggregate.HYSTERESIS
    """How windows become occurrences."""
    least_run: int = 1
    """Windows in a row that make an occurrence, for `Aggregate.ANY_WINDOW`."""
    lateralising: Lateralising | None = None
    """Hemisphere; none when the literature read says nothing."""
    hed: tuple[ExternalCode, ...] = ()
    """HED SCORE."""
    hpo: tuple[ExternalCode, ...] = ()
    """Human Phenotype Ontology."""

    @property
    def heard(self) -> bool:
        """Judged from sound alone or with sound first."""
        return ViewKind.AUDIO in self.views


@dataclass(frozen=True)
class Catalogue:
    """All signs, with the version that reports name."""

    version: str
    """Version of the catalogue."""
    digest: str
    """SHA-256 (hex) of the file."""
    signs: tuple[Sign, ...]
    """In the order of the file; in a preset only those that its study judged."""
    views: tuple[ViewSize, ...]
    """Pinned sizes of views."""
    mask_rate_hz: float
    """Masks per second that segmentation aims for."""
    sources: tuple[tuple[str, str], ...]
    """Key and citation of every source."""

    @cached_property
    def by_id(self) -> dict[str, Sign]:
        """Signs under their ids."""
        return {sign.id: sign for sign in self.signs}
