from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest
from pydantic import SecretStr

from schemas.errors import InvalidRequestError, ResourceLimitError, TimeoutExceededError, UnavailableError
from schemas.model_card import ModelCard
from services.semiology.engines.vlm.reader import Explanation
from services.semiology.engines.vlm.server import LONGEST_WAIT_S, ServerReader
from services.semiology.engines.vlm.settings import VlmSettings
from tests.services.semiology.vlm import samples
from tests.services.semiology.vlm.model_server import Desk, bright, serving

BASE = samples.card()
LIMBS = samples.adapter_card("limbs", ("clonic",))
QUESTIONS = ["Does an arm jerk?", "Is the arm stiff?", "Do both legs move?"]
Make = Callable[..., ServerReader]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving(Desk({BASE.served_name: bright(), LIMBS.served_name: bright(0.5)})) as ready:
        yield ready


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def reader(desk: Desk, waits: list[float]) -> Iterator[Make]:
    made: list[ServerReader] = []

    def make(**settings: object) -> ServerReader:
        chosen = VlmSettings(**{"url": desk.url, "patience_s": 60.0, **settings})
        made.append(ServerReader(chosen, sleep=waits.append))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _level(clip: object, desk: Desk, reader: ServerReader, card: ModelCard = BASE) -> float:
    return reader.score(clip, QUESTIONS[:1], card)[0].yes  # type: ignore[arg-type]


def test_the_score_is_the_share_of_yes_among_labels_and_the_mass_says_how_much_was_an_answer(
    desk: Desk, reader: Make
) -> None:
    desk.models[BASE.served_name] = lambda *_: (0.3, 0.1)
    (score,) = reader().score(samples.clip(), QUESTIONS[:1], BASE)
    assert score.yes == pytest.approx(0.75)
    assert score.answer_mass == pytest.approx(0.4)
    assert score.generated_tokens == 1


def test_a_model_that_answers_neither_has_no_mass(desk: Desk, reader: Make) -> None:
    desk.models[BASE.served_name] = lambda *_: (0.0, 0.0)
    (score,) = reader().score(samples.clip(), QUESTIONS[:1], BASE)
    assert (score.yes, score.answer_mass) == (0.0, 0.0)


def test_nothing_varies_before_the_question(desk: Desk, reader: Make) -> None:
    clip = samples.clip()
    reader().score(clip, QUESTIONS, BASE)
    for one, other in pairwise(desk.requests):
        assert one["messages"][0] == other["messages"][0]
        assert one["messages"][1]["content"][:-1] == other["messages"][1]["content"][:-1]
        assert one["messages"][1]["content"][-1] != other["messages"][1]["content"][-1]
    for request in desk.requests:
        kinds = [part["type"] for part in request["messages"][1]["content"]]
        assert kinds == ["image_url"] * len(clip.pictures) + ["text"]
        assert [part["uuid"] for part in request["messages"][1]["content"][:-1]] == [p.uuid for p in clip.pictures]
        assert (request["max_tokens"], request["temperature"]) == (1, 0)
        assert (request["logprobs"], request["top_logprobs"]) == (True, 20)
        assert "response_format" not in request, "a grammar would renormalise the logprobs"


def test_answers_come_in_the_order_of_the_questions(desk: Desk, reader: Make) -> None:
    shares = [k / 20 for k in range(12)]
    desk.models[BASE.served_name] = lambda _, text: next((p, 1 - p) for p in shares if f"share {p}?" in text)
    scores = reader(concurrency=5).score(samples.clip(), [f"Is the share {p}?" for p in shares], BASE)
    assert [score.yes for score in scores] == pytest.approx(shares)


def test_only_the_first_question_of_a_window_pays_for_its_pictures_and_each_adapter_pays_once(
    desk: Desk, reader: Make
) -> None:
    asks = reader()
    clip = samples.clip()
    first, *others = asks.score(clip, QUESTIONS, BASE)
    assert first.cached_tokens == 0
    assert all(score.cached_tokens > 0 for score in others)
    assert asks.score(clip, QUESTIONS[:1], LIMBS)[0].cached_tokens == 0
    used = asks.usage
    assert used.scored == 4
    assert used.prompt_tokens == sum(score.prompt_tokens for score in (first, *others)) + first.prompt_tokens
    assert used.cached_tokens == sum(score.cached_tokens for score in others)


def test_an_adapter_is_asked_by_its_served_name(desk: Desk, reader: Make) -> None:
    clip = samples.clip()
    asks = reader()
    plain, adapted = _level(clip, desk, asks), _level(clip, desk, asks, LIMBS)
    assert adapted == pytest.approx(plain / 2)
    assert [request["model"] for request in desk.requests] == ["base-bbbbbbbb", "limbs-aaaaaaaa"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_failing_server_is_asked_again(status: int, desk: Desk, reader: Make, waits: list[float]) -> None:
    desk.faults = [(status, {})] * 3
    asks = reader()
    assert asks.score(samples.clip(), QUESTIONS[:1], BASE)[0].answer_mass > 0
    assert asks.usage.retries == len(waits) == 3
    assert waits[0] < waits[2] <= LONGEST_WAIT_S


def test_the_servers_own_wish_to_wait_is_kept(desk: Desk, reader: Make, waits: list[float]) -> None:
    desk.faults = [(429, {"retry-after": "7"})]
    reader().score(samples.clip(), QUESTIONS[:1], BASE)
    assert waits == [7.0]


def test_after_the_patience_the_step_is_put_back(desk: Desk, reader: Make, waits: list[float]) -> None:
    desk.faults = [(503, {})] * 100
    with pytest.raises(UnavailableError, match="busy or failing \\(status 503\\)") as raised:
        reader(patience_s=20.0).score(samples.clip(), QUESTIONS[:1], BASE)
    assert raised.value.retryable
    assert 10.0 < sum(waits) <= 20.0


def test_a_slow_server_is_a_timeout(desk: Desk, reader: Make) -> None:
    desk.delay_s = 1.0
    with pytest.raises(TimeoutExceededError, match=r"within 0.1 s") as raised:
        reader(timeout_s=0.1, patience_s=0.0).score(samples.clip(), QUESTIONS[:1], BASE)
    assert raised.value.retryable


def test_hanging_calls_use_up_the_patience_too(desk: Desk, reader: Make) -> None:
    desk.delay_s = 5.0
    with pytest.raises(TimeoutExceededError):
        reader(timeout_s=0.2, patience_s=0.9).score(samples.clip(), QUESTIONS[:1], BASE)
    assert len(desk.requests) + desk.in_flight <= 3, "0.2 s of each call and the wait after it count"


def test_no_server_is_unavailable(reader: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(UnavailableError, match="cannot be reached"):
        reader(url=url, patience_s=1.0).score(samples.clip(), QUESTIONS[:1], BASE)


def _start(later: ExitStack, desk: Desk, port: int) -> None:
    later.enter_context(serving(desk, port))


def test_a_server_that_was_killed_and_comes_back_answers() -> None:
    """The same reader goes on with the same question; nothing is lost and nothing asked twice."""
    desk = Desk({BASE.served_name: bright()})
    with ExitStack() as later:
        with serving(desk):
            port = int(desk.url.rpartition(":")[2].partition("/")[0])
            settings = VlmSettings(url=desk.url, patience_s=60.0)
            reader = ServerReader(settings, sleep=lambda _: _start(later, desk, port))
            before = reader.score(samples.clip(), QUESTIONS[:1], BASE)
        assert reader.score(samples.clip(), QUESTIONS[:1], BASE)[0].yes == before[0].yes
        assert reader.usage.retries == 1
        assert len(desk.requests) == 2
        reader.close()


def test_an_unknown_model_is_named_and_not_asked_again(desk: Desk, reader: Make, waits: list[float]) -> None:
    other = samples.card("base", digest="c" * 64)
    with pytest.raises(InvalidRequestError, match="does not serve 'base-cccccccc'"):
        reader().score(samples.clip(), QUESTIONS, other)
    assert not waits
    assert len(desk.requests) == 1


def test_a_window_that_does_not_fit_says_the_numbers(desk: Desk, reader: Make, waits: list[float]) -> None:
    desk.context_tokens = 30
    with pytest.raises(ResourceLimitError, match=r"it names \d+, 30\).*--max-model-len") as raised:
        reader().score(samples.clip(), QUESTIONS, BASE)
    assert not raised.value.retryable
    assert not waits


def test_a_wrong_key_is_refused_and_a_right_one_is_not_shown(desk: Desk, reader: Make) -> None:
    desk.key = "secret-key"
    with pytest.raises(InvalidRequestError, match="refuses the key"):
        reader().score(samples.clip(), QUESTIONS[:1], BASE)
    settings = {"api_key": SecretStr("secret-key")}
    assert reader(**settings).score(samples.clip(), QUESTIONS[:1], BASE)
    assert "secret-key" not in repr(VlmSettings(**settings))


def test_a_server_without_logprobs_is_no_substitute(desk: Desk, reader: Make) -> None:
    desk.gives_logprobs = False
    with pytest.raises(InvalidRequestError, match="no logprobs"):
        reader().score(samples.clip(), QUESTIONS[:1], BASE)


def test_no_more_questions_are_in_flight_than_the_setting_says(desk: Desk, reader: Make) -> None:
    desk.delay_s = 0.05
    reader(concurrency=3).score(samples.clip(), [f"{k}?" for k in range(12)], BASE)
    assert 2 <= desk.most_in_flight <= 3


def test_reason_and_span_are_asked_with_a_schema_after_the_same_pictures(desk: Desk, reader: Make) -> None:
    asks, clip = reader(), samples.clip()
    asks.score(clip, QUESTIONS[:1], BASE)
    assert asks.explain(clip, QUESTIONS[0], BASE) == Explanation("It is bright.", 0.5, 1.5)
    scoring, explaining = desk.requests
    assert explaining["messages"][1]["content"][:-1] == scoring["messages"][1]["content"][:-1]
    assert explaining["response_format"]["json_schema"]["schema"]["required"] == ["reason", "onset_s", "offset_s"]
    assert asks.usage.explained == 1
    assert asks.usage.cached_tokens > 0


@pytest.mark.parametrize(
    "written",
    ["", "yes", '{"reason": "cut o', '{"reason": "", "onset_s": 1, "offset_s": 2}', '{"reason": "x", "onset_s": 5}',
     '{"reason": "x", "onset_s": 5, "offset_s": 2}', '{"reason": "x", "onset_s": NaN, "offset_s": 2}', "[1]"],
)  # fmt: skip
def test_what_is_no_reason_is_none(written: str, desk: Desk, reader: Make) -> None:
    desk.explanation = written
    assert reader().explain(samples.clip(), QUESTIONS[0], BASE) is None
