"""The engines `vlm` and `vlm_local`: every sign of the catalogue asked of the right view, window by window."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from schemas.catalogue import Catalogue, load_catalogue
from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.segmentation import View, ViewKind
from schemas.semiology import CoverageGap, Reason
from services.runtime import logs
from services.semiology.engines import Evidence, LocalView, Report
from services.semiology.engines.vlm.cards import (
    Models,
    check_canaries,
    check_weights,
    read_models,
    size_of,
    training_of,
)
from services.semiology.engines.vlm.pictures import clip_of
from services.semiology.engines.vlm.reader import Reader
from services.semiology.engines.vlm.server import ServerReader
from services.semiology.engines.vlm.settings import VlmSettings
from services.semiology.engines.vlm.study import SignScores, VlmStudy
from services.semiology.engines.vlm.track import Scored, grid_of
from services.semiology.engines.vlm.windows import Asked, Look, Lost, Plan, plan_of, unseen
from services.semiology.settings import SemiologySettings

VERSION = "1"
TICK_S = 1.0
"""Seconds after which a cancel is looked for while nothing is answered."""

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """One window's answer for one sign, and what it was given on."""

    sign: str
    """Catalogue id."""
    view: ViewKind
    """What was looked at."""
    scored: Scored
    """The answer."""


class VlmEngine:
    """Asks a model server. Proposes no seizures; answers for signs in the episodes that other engines propose."""

    name: ClassVar[str] = "vlm"
    runs_model: ClassVar[bool] = False
    """Whether the model runs in this process, so that its weights have to be here."""

    def __init__(self, settings: VlmSettings | None = None, catalogue: Catalogue | None = None) -> None:
        self._settings = settings or VlmSettings.load()
        self._catalogue = catalogue or load_catalogue(SemiologySettings.load().preset)
        self._known: Models | None = None
        self._reader: Reader | None = None

    def info(self) -> EngineInfo:
        """Identity; the digest covers code, words, cards and the settings that change answers."""
        models = self._models()
        return EngineInfo(
            name=self.name,
            version=VERSION,
            digest=self._digest(models),
            training=training_of(models),
            answers=tuple(one.sign.id for one in self._asked(models)),
        )

    def load(self) -> None:
        """Holds weights to their cards, makes the model ready, and asks it and every adapter their canaries.

        Raises `InvalidRequestError` when one is not what its card says, `UnavailableError` without the server.
        """
        models = self._models()
        check_weights(models, needed=self.runs_model)
        reader = self.make_reader(models)
        check_canaries(models, reader)
        self._reader = reader

    def make_reader(self, models: Models) -> Reader:
        """What answers; the other engine has another."""
        del models  # the server holds them
        return ServerReader(self._settings)

    def study(self, evidence: Evidence, report: Report) -> VlmStudy:
        """Asks about every window of a recording. Raises `UnreadableMediaError`, and what `Reader.score` raises."""
        if self._reader is None:
            raise InvalidRequestError(f"The engine {self.name!r} was not loaded.")
        models = self._models()
        views = _Views(evidence)
        plan = plan_of(
            self._asked(models),
            evidence.intake.facts,
            evidence.segmentation,
            views.view,
            lambda card, view: size_of(card, models.base.card, view, self._catalogue),
        )
        before = self._reader.usage
        heard: list[Heard] = []
        looks = len(plan.looks)

        def tell(done: int) -> None:
            report(done / looks, self.name, f"window {done} of {looks}")

        for done, answers in enumerate(self._looked(self._reader, plan, views, tell), start=1):
            heard += answers
            tell(done)
        spent = self._reader.usage
        log.info(
            "asked about a recording",
            engine=self.name,
            windows=looks,
            questions=spent.scored - before.scored,
            uncached_tokens=(spent.prompt_tokens - spent.cached_tokens) - (before.prompt_tokens - before.cached_tokens),
            generated_tokens=spent.generated_tokens - before.generated_tokens,
        )
        scores = [_scores(one, heard, plan, evidence.intake.facts.duration_s) for one in self._asked(models)]
        gaps = [CoverageGap(lost.span, lost.reason) for lost in unseen(evidence.intake.facts, evidence.segmentation)]
        return VlmStudy(scores, evidence.segmentation.staff_contacts, gaps)

    def _models(self) -> Models:
        if self._known is None:
            self._known = read_models(Path(self._settings.weights), self._catalogue)
        return self._known

    def _asked(self, models: Models) -> tuple[Asked, ...]:
        """Signs that somebody answers for, in the order of the catalogue."""
        pairs = ((sign, models.for_sign(sign)) for sign in self._catalogue.signs)
        return tuple(Asked(sign, card) for sign, card in pairs if card is not None)

    def _looked(self, reader: Reader, plan: Plan, views: _Views, tell: Callable[[int], None]) -> Iterator[list[Heard]]:
        """Answers look by look, in order; at most `clips_at_once` windows are held at a time."""
        pool = ThreadPoolExecutor(reader.clips_at_once, thread_name_prefix="look")
        waiting: deque[Future[list[Heard]]] = deque()
        try:
            for asked, look in enumerate(plan.looks):
                waiting.append(pool.submit(self._look, reader, look, views.local(look.view).path))
                if len(waiting) > reader.clips_at_once:
                    yield _awaited(waiting.popleft(), partial(tell, asked - reader.clips_at_once))
            while waiting:
                yield _awaited(waiting.popleft(), partial(tell, len(plan.looks) - 1 - len(waiting)))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _look(self, reader: Reader, look: Look, path: Path) -> list[Heard]:
        """All answers about one window; its pictures are let go on return."""
        clip = clip_of(path, look.span, look.sampling.fps, look.size, look.sampling.kind)
        heard: list[Heard] = []
        for card, signs in look.asks:
            scores = reader.score(clip, [sign.question for sign in signs], card)
            for sign, score in zip(signs, scores, strict=True):
                did_answer = score.answer_mass >= card.least_answer_mass
                matters = did_answer and self._settings.explain and score.yes >= sign.t_show
                words = reader.explain(clip, sign.question, card) if matters else None
                value = score.yes if did_answer else float("nan")
                heard.append(Heard(sign.id, look.view, Scored(look.span, value, score.answer_mass, words)))
        return heard

    def _digest(self, models: Models) -> str:
        """SHA-256 over this package's sources, the cards and the settings that change answers."""
        content = hashlib.sha256(f"{self.name}\n{self._answering()}\n".encode())
        for source in sorted(Path(__file__).parent.glob("*.py")):
            content.update(source.name.encode() + b"\0" + source.read_bytes())
        for model in models.all:
            content.update(repr(model.card).encode())
        return content.hexdigest()

    def _answering(self) -> str:
        """The settings that change answers."""
        return f"explain={self._settings.explain} tokens={self._settings.explain_tokens}"


class VlmLocalEngine(VlmEngine):
    """The same in this process, with transformers: one processor or one GPU, no server."""

    name: ClassVar[str] = "vlm_local"
    runs_model: ClassVar[bool] = True

    def make_reader(self, models: Models) -> Reader:
        """Loads the weights. Raises `InvalidRequestError` where torch is not installed."""
        from services.semiology.engines.vlm.local import LocalReader

        return LocalReader(models, self._settings)

    def _answering(self) -> str:
        return f"{super()._answering()} dtype={self._settings.dtype}"


def _awaited(future: Future[list[Heard]], tick: Callable[[], None]) -> list[Heard]:
    """A future's result; `tick` is called meanwhile, so that a cancel is noticed while a server is waited for."""
    while not wait((future,), timeout=TICK_S).done:
        tick()
    return future.result()


class _Views:
    """The views of one recording, each brought here once; the full frame is the proxy where none was made."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._found: dict[ViewKind, LocalView | None] = {}

    def view(self, kind: ViewKind) -> View | None:
        """What a view is; none when it was not made."""
        if kind not in self._found:
            found = self._evidence.open_view(kind)
            if found is None and kind is ViewKind.FULL_FRAME:
                found = LocalView(View(kind, self._evidence.intake.proxy), self._evidence.proxy)
            self._found[kind] = found
        local = self._found[kind]
        return None if local is None else local.view

    def local(self, kind: ViewKind) -> LocalView:
        """Where a view lies that `view` found."""
        found = self._found[kind]
        assert found is not None
        return found


def _scores(one: Asked, heard: list[Heard], plan: Plan, duration_s: float) -> SignScores:
    """Everything about one sign, its unanswered windows among what was lost."""
    sign = one.sign
    mine = [answer for answer in heard if answer.sign == sign.id]
    windows = sorted((answer.scored for answer in mine), key=lambda scored: scored.span)
    unanswered = [
        Lost(
            window.span,
            Reason.LOW_ANSWER_MASS,
            f"The model gave yes and no {window.answer_mass:.2f} of its answer; its card wants "
            f"{one.card.least_answer_mass:g}.",
        )
        for window in windows
        if not window.is_judged
    ]
    views = Counter(answer.view for answer in mine)
    blocked = plan.blocked[sign.id]
    return SignScores(
        sign=sign,
        time_s=grid_of(duration_s),
        windows=tuple(windows),
        view=views.most_common(1)[0][0] if views else sign.views[0],
        lost=(*blocked, *plan.dropped.get(sign.id, ()), *unanswered),
        blocked=tuple(lost.span for lost in blocked),
    )
