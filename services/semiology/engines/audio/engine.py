"""The engine `audio`: sounds of the patient, and whether the patient answers when somebody speaks to them.

With an audio-language model it asks about windows of sound, as `vlm` asks about pictures. Without one it only finds
voices: it cannot tell whose they are nor what they say, so a vocalisation is at most possible, and whether anybody
asked anything stays unknown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from schemas.catalogue import Catalogue, Sign, load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import Interval
from schemas.segmentation import ViewKind
from schemas.semiology import CoverageGap, Reason
from services.media.tracks import Track
from services.semiology.engines import Answer, Evidence, LocalView, Proposal, Report, Sighting
from services.semiology.engines.audio.listener import ASK, SHOWN, SYSTEM, Listener, card_in
from services.semiology.engines.audio.settings import AudioSettings
from services.semiology.engines.audio.sound import samples_in, wavs_of
from services.semiology.engines.audio.voice import VoiceTrack, voice_in
from services.semiology.engines.vlm.server import ServerReader
from services.semiology.engines.vlm.study import SignScores, VlmStudy
from services.semiology.engines.vlm.track import STEP_S, Scored, grid_of
from services.semiology.engines.vlm.windows import Lost, spans_of
from services.semiology.settings import SemiologySettings

VERSION = "1"
VOCALISATION = "ictal_vocalization"
RESPONSE = "verbal_responsiveness"
ANSWERED = (RESPONSE, VOCALISATION)
QUESTION_HEARD = (
    "Does somebody ask the patient a question, call the patient's name or tell the patient to do something?"
)
"""Asked before `verbal_responsiveness`: that nobody answered says nothing where nobody asked."""
LEAST_QUESTION = 0.5
"""Score from which a question counts as heard."""
UNATTRIBUTED = 0.5
"""Highest score of a voice of which nobody knows whose it is: possible, never stated."""
ATTENDED = 0.4
"""The same while somebody else is in the picture."""


class AudioEngine:
    """Listens. Proposes no seizures; answers for signs in the episodes that other engines propose."""

    def __init__(self, settings: AudioSettings | None = None, catalogue: Catalogue | None = None) -> None:
        self._settings = settings or AudioSettings.load()
        self._catalogue = catalogue or load_catalogue(SemiologySettings.load().preset)
        self._card = card_in(Path(self._settings.weights)) if self._settings.weights else None
        self._listener: Listener | None = None

    def info(self) -> EngineInfo:
        """Identity; the digest covers code, words and the model's card."""
        content = hashlib.sha256(repr((SYSTEM, SHOWN, ASK, QUESTION_HEARD, self._card)).encode())
        for source in sorted(Path(__file__).parent.glob("*.py")):
            content.update(source.name.encode() + b"\0" + source.read_bytes())
        training = self._card.training if self._card else "training-free: finds voices, understands nothing"
        answers = tuple(sign for sign in ANSWERED if sign in self._catalogue.by_id)
        return EngineInfo("audio", VERSION, content.hexdigest(), training, answers)

    def load(self) -> None:
        """Asks the model its canary, if there is a model.

        Raises `InvalidRequestError` when it is not what its card says, `UnavailableError` without its server.
        """
        if self._card is not None:
            listener = Listener(self._card, ServerReader(self._settings))
            listener.check_canary(Path(self._settings.weights))
            self._listener = listener

    def study(self, evidence: Evidence, report: Report) -> VlmStudy | VoiceStudy:
        """Listens to one recording. Raises what `ServerReader.score` raises."""
        signs = [self._catalogue.by_id[sign] for sign in ANSWERED if sign in self._catalogue.by_id]
        sound = evidence.open_view(ViewKind.DENOISED_AUDIO) or evidence.open_view(ViewKind.AUDIO)
        if sound is None:
            return VoiceStudy(signs, None, ())
        if self._listener is None:
            report(0.1, "audio", "looking for voices")
            return VoiceStudy(signs, voice_in(samples_in(sound.path)), evidence.segmentation.others_present)
        return VlmStudy(_heard(self._listener, signs, sound, evidence.intake.facts.duration_s, report), (), ())


def _heard(
    listener: Listener, signs: Sequence[Sign], sound: LocalView, duration_s: float, report: Report
) -> list[SignScores]:
    """All windows asked about every sign; where no question is heard, the response was not tested."""
    windows: dict[str, list[Scored]] = {sign.id: [] for sign in signs}
    lost: dict[str, list[Lost]] = {sign.id: [] for sign in signs}
    for sign in signs:
        spans = spans_of(sign.sampling, duration_s)
        for done, (span, wav) in enumerate(wavs_of(samples_in(sound.path), spans), start=1):
            asked = [QUESTION_HEARD, sign.question] if sign.id == RESPONSE else [sign.question]
            *gate, answer = listener.score(wav, span.length_s, asked)
            if gate and (gate[0].yes < LEAST_QUESTION or gate[0].answer_mass < listener.card.least_answer_mass):
                text = f"No question to the patient was heard from {span.lo:.0f} to {span.hi:.0f} s."
                lost[sign.id].append(Lost(span, Reason.NO_QUESTION_HEARD, text))
            elif answer.answer_mass < listener.card.least_answer_mass:
                text = f"The model gave yes and no {answer.answer_mass:.2f} of its answer."
                lost[sign.id].append(Lost(span, Reason.LOW_ANSWER_MASS, text))
            else:
                windows[sign.id].append(Scored(span, answer.yes, answer.answer_mass))
            report(min(1.0, done / max(1, len(spans))), "audio", f"{sign.title}: window {done} of {len(spans)}")
    return [
        SignScores(sign, grid_of(duration_s), tuple(windows[sign.id]), sound.view.kind, tuple(lost[sign.id]), ())
        for sign in signs
    ]


class VoiceStudy:
    """What can be said without a model."""

    def __init__(self, signs: Sequence[Sign], voice: VoiceTrack | None, others: Sequence[Interval]) -> None:
        """`voice`: none for a recording without sound; `others`: spans in which somebody else is in the picture."""
        self._signs = {sign.id: sign for sign in signs}
        self._voice, self._others = voice, others

    def gaps(self) -> tuple[CoverageGap, ...]:
        """None: coverage is about movement."""
        return ()

    def proposals(self) -> tuple[Proposal, ...]:
        """None."""
        return ()

    def tracks(self) -> tuple[Track, ...]:
        """How much each half second sounds like a voice, no higher than may be said of it."""
        if self._voice is None or VOCALISATION not in self._signs or not len(self._voice.time_s):
            return ()
        time_s = grid_of(float(self._voice.time_s[-1]))
        bins = (self._voice.time_s / STEP_S).astype(int).clip(0, len(time_s) - 1)
        score = time_s * 0.0
        for at, value in zip(bins, self._voice.score, strict=True):
            score[at] = max(score[at], min(UNATTRIBUTED, float(value)))
        return (Track(VOCALISATION, time_s, score),)

    def answers(self, episode: Proposal) -> tuple[Answer, ...]:
        """Possible vocalisations; whether anybody asked the patient anything cannot be heard without a model."""
        told = {RESPONSE: self._response, VOCALISATION: self._vocalisation}
        return tuple(told[sign](episode) for sign in self._signs)

    def _response(self, episode: Proposal) -> Answer:
        del episode
        text = "Whether anybody asked the patient anything was not listened for: no model that understands speech."
        return Answer(RESPONSE, reason=Reason.NO_QUESTION_HEARD, reason_text=text, view=ViewKind.AUDIO)

    def _vocalisation(self, episode: Proposal) -> Answer:
        if self._voice is None:
            text = "The recording has no sound."
            return Answer(VOCALISATION, reason=Reason.NO_AUDIO, reason_text=text, view=ViewKind.AUDIO)
        span = Interval(episode.onset_s.lo, episode.offset_s.hi)
        shortest_s = self._signs[VOCALISATION].min_duration_s
        sightings = tuple(
            self._sighting(sound, score)
            for sound, score in self._voice.utterances(shortest_s)
            if sound.lo < span.hi and sound.hi > span.lo
        )
        judged_s = max(0.0, min(span.hi, self._heard_until_s) - max(0.0, span.lo))
        best = max((one.score for one in sightings), default=0.05)
        return Answer(VOCALISATION, sightings, judged_s, score=best, view=ViewKind.AUDIO)

    @property
    def _heard_until_s(self) -> float:
        return float(self._voice.time_s[-1]) if self._voice is not None and len(self._voice.time_s) else 0.0

    def _sighting(self, sound: Interval, score: float) -> Sighting:
        attended = any(other.lo < sound.hi and other.hi > sound.lo for other in self._others)
        most = ATTENDED if attended else UNATTRIBUTED
        whose = "somebody else is in the picture" if attended else "nobody else was seen"
        return Sighting(
            onset_s=Interval(max(0.0, sound.lo - 0.1), sound.lo + 0.1),
            offset_s=Interval(max(sound.lo + 0.1, sound.hi - 0.1), sound.hi + 0.1),
            score=min(score, most),
            rationale=(
                f"A voice sounds for {sound.length_s:.1f} s ({whose}); whose it is, and whether it says words, was not "
                f"told apart."
            ),
        )
