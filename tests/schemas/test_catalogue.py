"""The catalogue that ships, and the loader's complaints."""

from __future__ import annotations

import copy
import tomllib
from importlib import resources
from typing import Any

import pytest

from schemas.catalogue import (
    Aggregate,
    CatalogueError,
    CodeRelation,
    Lateralises,
    SamplingKind,
    load_catalogue,
    parse_catalogue,
    presets,
)
from schemas.catalogue.model import VIEW_GROUPS
from schemas.catalogue.parse import parse
from schemas.segmentation import ViewKind
from schemas.semiology import Phase, SideRefersTo

STUDY = [
    "occur_during_sleep", "head_turning", "blank_stare", "close_eyes", "eye_blinking", "face_pulling",
    "face_twitching", "tonic", "clonic", "arm_straightening", "arm_flexion", "figure4", "oral_automatisms",
    "limb_automatisms", "pelvic_thrusting", "full_body_shaking", "asynchronous_movement",
    "arms_move_simultaneously", "verbal_responsiveness", "ictal_vocalization",
]  # fmt: skip
OTHERS = [
    "manual_automatisms", "version", "behavioural_arrest", "hyperkinetic", "unilateral_tonic", "asymmetric_tonic",
    "unilateral_clonic", "dystonic_limb", "m2e", "asymmetric_clonic_ending", "bilateral_tonic_clonic", "myoclonic",
    "epileptic_spasm", "atonic_fall", "eye_version", "ictal_speech", "postictal_aphasia", "todds_paresis",
    "nose_wiping", "cough",
]  # fmt: skip

CATALOGUE = load_catalogue()
TEXT = resources.files("schemas.catalogue").joinpath("signs.toml").read_text(encoding="utf-8")


def document() -> dict[str, Any]:
    return copy.deepcopy(tomllib.loads(TEXT))


def test_every_sign_is_there_once() -> None:
    assert len(STUDY) == 20
    assert sorted(sign.id for sign in CATALOGUE.signs) == sorted(STUDY + OTHERS)
    assert set(CATALOGUE.by_id) == set(STUDY + OTHERS)


def test_study_features_name_the_study() -> None:
    named = {sign.id for sign in CATALOGUE.signs if "pathmotion" in sign.source}
    assert named == set(STUDY)


def test_words_that_are_no_ilae_terms_say_so() -> None:
    assert not any(
        CATALOGUE.by_id[sign].ilae_term for sign in ("full_body_shaking", "face_pulling", "pelvic_thrusting")
    )
    ilae_sources = {"blume2001", "ilae2022", "score"}
    for sign in CATALOGUE.signs:
        if sign.ilae_term:
            assert ilae_sources & set(sign.source), sign.id


@pytest.mark.parametrize("pair", [
    ("pelvic_thrusting", "hyperkinetic"), ("head_turning", "version"), ("blank_stare", "behavioural_arrest"),
])  # fmt: skip
def test_look_alike_signs_stay_apart(pair: tuple[str, str]) -> None:
    first, second = (CATALOGUE.by_id[sign] for sign in pair)
    equivalents = [
        {code.code for code in (*sign.hed, *sign.hpo) if code.relation is CodeRelation.EQUIVALENT}
        for sign in (first, second)
    ]
    assert not equivalents[0] & equivalents[1]
    assert first.question != second.question


@pytest.mark.parametrize(("sign", "shortest_form_s"), [
    ("myoclonic", 0.1), ("epileptic_spasm", 1.0), ("tonic", 3.0), ("blank_stare", 3.0), ("behavioural_arrest", 3.0),
    ("atonic_fall", 1.0), ("clonic", 2.0), ("version", 4.1),
])  # fmt: skip
def test_filters_stay_below_the_shortest_clinical_form(sign: str, shortest_form_s: float) -> None:
    assert CATALOGUE.by_id[sign].min_duration_s < shortest_form_s


def test_arrest_needs_activity_and_sleep_needs_a_minute_before() -> None:
    assert CATALOGUE.by_id["behavioural_arrest"].needs_before_s == 5.0
    assert CATALOGUE.by_id["occur_during_sleep"].needs_before_s == 60.0


def test_thresholds_are_ordered_and_claim_no_calibration() -> None:
    for sign in CATALOGUE.signs:
        assert 0 < sign.t_show < sign.t_state < 1
        assert sign.calibration == "none"


def test_questions_ask_one_thing() -> None:
    for sign in CATALOGUE.signs:
        assert sign.question.endswith("?")
        assert sign.question.count("?") == 1


def test_facial_signs_need_at_least_44_pixels_and_the_face_view() -> None:
    facial = [sign for sign in CATALOGUE.signs if sign.facial]
    assert {"oral_automatisms", "blank_stare", "eye_blinking", "face_twitching"} <= {sign.id for sign in facial}
    for sign in facial:
        assert sign.min_source_px >= 44
        assert ViewKind.FACE_CROP in sign.views
    assert not CATALOGUE.by_id["head_turning"].facial, "orientation may be judged from the head alone"


def test_every_seen_view_has_a_pinned_size() -> None:
    sized = {view.kind for view in CATALOGUE.views}
    heard = {ViewKind.AUDIO, ViewKind.DENOISED_AUDIO, ViewKind.TRANSCRIPT}
    assert {view for sign in CATALOGUE.signs for view in sign.views} - heard <= sized


def test_responsiveness_is_judged_on_the_full_frame_and_raw_audio() -> None:
    views = CATALOGUE.by_id["verbal_responsiveness"].views
    assert {ViewKind.FULL_FRAME, ViewKind.AUDIO} <= set(views)
    assert ViewKind.SILHOUETTE not in views


def test_sides_mean_what_the_rules_say() -> None:
    meaning = {sign.id: sign.side_refers_to for sign in CATALOGUE.signs}
    assert meaning["figure4"] is SideRefersTo.EXTENDED_ELBOW
    assert meaning["asymmetric_clonic_ending"] is SideRefersTo.LAST_JERKING_SIDE
    assert meaning["version"] is meaning["head_turning"] is SideRefersTo.DIRECTION_TURNED
    assert meaning["clonic"] is SideRefersTo.MOVING_LIMB


def test_unforced_turn_casts_no_vote() -> None:
    turn = CATALOGUE.by_id["head_turning"].lateralising
    assert turn is not None
    assert turn.value is Lateralises.NONE
    version = CATALOGUE.by_id["version"].lateralising
    assert version is not None
    assert (version.value, version.agree, version.of) == (Lateralises.CONTRALATERAL, 161, 212)
    assert "forced" in version.condition


def test_post_ictal_signs_begin_after_the_seizure_only() -> None:
    for sign in ("postictal_aphasia", "todds_paresis"):
        assert CATALOGUE.by_id[sign].phases == (Phase.POST_ICTAL,)


def test_hpo_is_never_equivalent() -> None:
    assert not [sign.id for sign in CATALOGUE.signs for code in sign.hpo if code.relation is CodeRelation.EQUIVALENT]


def test_one_adapter_per_view_group() -> None:
    assert {sign.adapter for sign in CATALOGUE.signs} == set(VIEW_GROUPS)


def test_digest_follows_the_text() -> None:
    assert parse_catalogue(TEXT).digest == CATALOGUE.digest
    assert parse_catalogue(TEXT + "\n# a remark\n").digest != CATALOGUE.digest


@pytest.mark.parametrize(("field", "value", "complaint"), [
    ("t_show", 0.7, "sign clonic: t_show is 0.7; it must be below t_state (0.6)"),
    ("group", "limbs", "sign clonic: group is 'limbs'; it must be one of state,"),
    ("views", ["full_frame", "x_ray"], "sign clonic: views is ['full_frame', 'x_ray']; each must be"),
    ("views", [], "sign clonic: views is []; it must be a list of texts, not empty"),
    ("question", "Jerks.", "sign clonic: question is 'Jerks.'; it must end with a question mark"),
    ("min_duration_s", 6, "sign clonic: min_duration_s is 6; it must be a number from 0.01 to 5"),
    ("rhythmic", "yes", "sign clonic: rhythmic is 'yes'; it must be true or false"),
    ("source", ["hearsay"], "sign clonic: source is ['hearsay']; 'hearsay' is not under [sources]"),
    ("hed", [{"code": "42282", "label": "x", "relation": "equivalent"}], "sign clonic.hed: code is '42282'; it must"),
    ("hed", [{"code": "HED_0042285", "label": "x", "relation": "equivalent"}], "the equivalent code 'HED_0042285'"),
    ("facial", True, "sign clonic: views is ['full_frame', 'silhouette', 'hands']; a facial sign needs the face_crop"),
    ("min_source_px", 0, "sign clonic: min_source_px is 0; what is seen needs a smallest size"),
    ("sampling", {"kind": "clip", "window_s": 5, "hop_s": 6, "fps": 8}, "sign clonic.sampling: hop_s is 6; it must be"),
    ("colour", "red", "sign clonic: colour is not a field of the catalogue"),
])  # fmt: skip
def test_a_slip_in_the_data_names_itself(field: str, value: object, complaint: str) -> None:
    broken = document()
    next(sign for sign in broken["sign"] if sign["id"] == "clonic")[field] = value
    with pytest.raises(CatalogueError) as caught:
        parse(broken, digest="0")
    assert complaint in caught.value.message


def test_a_missing_field_names_itself() -> None:
    broken = document()
    del broken["sign"][0]["question"]
    with pytest.raises(CatalogueError, match="sign occur_during_sleep: question is missing"):
        parse(broken, digest="0")


def test_counts_of_a_lateralising_value_go_together() -> None:
    broken = document()
    version = next(sign for sign in broken["sign"] if sign["id"] == "version")
    del version["lateralising"]["of"]
    with pytest.raises(CatalogueError, match="agree and of go together"):
        parse(broken, digest="0")
    version["lateralising"]["of"] = 100
    with pytest.raises(CatalogueError, match="agree is 161; it must be a number from 0 to 100"):
        parse(broken, digest="0")


def test_a_vote_by_side_needs_a_side() -> None:
    broken = document()
    next(sign for sign in broken["sign"] if sign["id"] == "version")["side_refers_to"] = "none"
    with pytest.raises(CatalogueError, match="contralateral and ipsilateral need a side"):
        parse(broken, digest="0")


def test_a_sign_twice_is_refused() -> None:
    broken = document()
    broken["sign"].append(broken["sign"][0])
    with pytest.raises(CatalogueError, match="the id 'occur_during_sleep' stands there twice"):
        parse(broken, digest="0")


def test_text_that_is_no_toml_is_refused() -> None:
    with pytest.raises(CatalogueError, match=r"signs\.toml is not TOML"):
        parse_catalogue("[[sign]")


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_the_catalogue_with_a_studys_windows(name: str) -> None:
    base, preset = load_catalogue(), load_catalogue(name)
    assert preset.version == f"{base.version}+{name}"
    assert preset.digest != base.digest
    for sign in preset.signs:
        known = base.by_id[sign.id]
        assert (sign.definition, sign.question, sign.t_state) == (known.definition, known.question, known.t_state)
        assert sign.aggregate is Aggregate.ANY_WINDOW


def test_the_presets_are_the_protocols_of_their_studies() -> None:
    epivlm, pathmotion = load_catalogue("epivlm"), load_catalogue("pathmotion")
    assert len(epivlm.signs) == 5
    assert len({sign.adapter for sign in epivlm.signs}) == 5
    assert {(s.sampling.window_s, s.sampling.hop_s, s.sampling.fps, s.least_run) for s in epivlm.signs} == {
        (5, 5, 2, 2)
    }
    assert epivlm.by_id["blank_stare"].sampling.kind is SamplingKind.STILLS
    assert len(pathmotion.signs) == 20
    assert {s.sampling.window_s * s.sampling.fps for s in pathmotion.signs} == {60}
    assert {s.sampling.window_s - s.sampling.hop_s for s in pathmotion.signs} == {5}


def test_a_preset_may_not_invent_signs() -> None:
    text = resources.files("schemas.catalogue").joinpath("signs.toml").read_text(encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"levitation.*only name signs of the catalogue"):
        parse_catalogue(text, '[preset]\nname = "x"\nstudy = "y"\n[[sign]]\nid = "levitation"\n')
    with pytest.raises(CatalogueError, match="presets are epivlm, pathmotion"):
        load_catalogue("nobody")
