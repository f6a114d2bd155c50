from __future__ import annotations

from pathlib import Path

import pytest

from research.phantom.script import Act, Script, load_script, script_from_plain, script_to_plain
from research.phantom.scripts import SCRIPTS, named, random_script
from schemas.errors import InvalidRequestError

TOML = """
name = "mine"
duration_s = 20.0
blanket = 0.0
window = [2.0, 18.0]
[[acts]]
kind = "clonic"
onset_s = 5.0
offset_s = 12.0
side = "left"
episode = 1
params = { first_hz = 3.0 }
[[visitors]]
enter_s = 1.0
leave_s = 15.0
"""


def test_a_toml_file_becomes_a_script(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    script = load_script(path)
    assert script.acts == (Act("clonic", 5.0, 12.0, "left", 1, {"first_hz": 3.0}),)
    assert script.span == (2.0, 18.0)
    assert script.visitors[0].path == "bedside_left"


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_named_script_survives_being_written_down(name: str) -> None:
    script = named(name)
    assert script_from_plain(script_to_plain(script)) == script


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        ({"name": "x", "duration_s": 5.0, "colour": 1}, "no field 'colour'"),
        ({"name": "x", "duration_s": 5.0, "posture": "standing"}, "posture 'standing'"),
        ({"name": "x", "duration_s": 5.0, "window": [3.0, 9.0]}, "window 3.0-9.0"),
        ({"name": "x", "duration_s": 5.0, "acts": [{"kind": "wave", "onset_s": 4.0, "offset_s": 6.0}]}, "4.0-6.0"),
        ({"name": "x", "duration_s": 5.0, "acts": [{"kind": "wave"}]}, "Act is incomplete"),
        ({"duration_s": 5.0}, "Script is incomplete"),
    ],
)
def test_a_broken_script_is_refused_with_the_offending_value(plain: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        script_from_plain(plain)


def test_files_that_hold_no_script_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[1]")
    with pytest.raises(InvalidRequestError, match="one table"):
        load_script(path)
    path.write_text("{")
    with pytest.raises(InvalidRequestError, match="neither TOML nor JSON"):
        load_script(path)
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        load_script(tmp_path / "none.toml")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidRequestError, match="tonic_clonic"):
        named("grand_mal")


def test_random_scripts_repeat_with_their_seed_and_vary_without() -> None:
    assert random_script(5, "seizure") == random_script(5, "seizure")
    assert len({repr(random_script(seed, "any")) for seed in range(12)}) > 6
    with pytest.raises(InvalidRequestError, match="kind 'odd'"):
        random_script(1, "odd")


def test_a_script_without_acts_is_its_whole_length() -> None:
    assert Script("still", 4.0).span == (0.0, 4.0)
