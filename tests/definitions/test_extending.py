"""A definition that extends another is what both say, its own word being stronger; mistakes name the file they stand in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from nightloop.definitions import UseCase, definition_digest, load_use_case, use_case_names
from nightloop.definitions.loading import definition_text, parse_use_case, place_in_definition
from nightloop.definitions.revisions import definition_at
from nightloop.errors import DefinitionError
from nightloop.settings import REPOSITORY, load_settings
from tests.definitions.mistakes import RIGHT
from tests.definitions.rides import FILE, changed, line_of


class Folder:
    """A folder of definitions in which ``rides`` is right."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "shared").mkdir(parents=True)
        self.write("rides", RIGHT)

    def write(self, name: str, text: str) -> None:
        (self.path / f"{name}.yaml").write_text(text, encoding="utf-8")

    def load(self, text: str, name: str = "late") -> UseCase:
        """Load a use case of this text."""
        self.write(name, f"use_case: {name}\n{text}")
        return load_use_case(name, self.path)

    def told_of(self, text: str, name: str = "late") -> list[tuple[str, str, str]]:
        """What is told of a use case of this text."""
        with pytest.raises(DefinitionError) as refused:
            self.load(text, name)
        return list(refused.value.mistakes) or [(refused.value.where or "", refused.value.what, refused.value.do or "")]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "feature_defs")


def test_a_use_case_that_only_extends_is_the_other_under_its_own_name(folder):
    late = folder.load("extends: rides\n")
    assert late == load_use_case("rides", folder.path).model_copy(update={"use_case": "late"})


def test_mappings_are_laid_over_each_other_and_everything_else_replaces(folder):
    late = folder.load("extends: rides\nrisk: high\nlabel: {expression: fare > 9}\nentity: {key: [ride_id, zone]}\n")
    rides = load_use_case("rides", folder.path)
    assert late.risk == "high"
    assert late.label == rides.label.model_copy(update={"expression": "fare > 9"})
    assert late.entity.key == ["ride_id", "zone"], "a list is replaced as a whole"


def test_features_keep_their_place_and_new_ones_come_after(folder):
    new = "{kind: peers, by: [rider_id], description: Rides of the rider.}"
    late = folder.load(f"extends: rides\nfeatures: {{crowd: {new}, weekday: {{unit: day}}}}\n")
    rides = list(load_use_case("rides", folder.path).features)
    assert list(late.features) == [*rides, "crowd"]
    assert late.features["weekday"].unit == "day" and late.features["weekday"].expression == "weekday(ordered_on)"


def test_what_says_its_kind_or_task_replaces_as_a_whole(folder):
    lag = "{kind: lag, expression: distance, nights: 1, description: Yesterday's distance.}"
    late = folder.load(
        f"extends: rides\nfeatures: {{zone_rate: {lag}}}\nmodel: {{task: regression}}\nlabel: {{expression: fare}}\n"
        "gates: {performance: {metric: mae}, fairness: {metric: mae_difference},"
        " calibration: {maximum_bias: 1, maximum_error: 1}}\n"
        "monitoring: {error_ceiling: 9}\n"
        "sources: {zones: {connector: {kind: files, pattern: data/other.csv}}}\n"
    )
    assert late.features["zone_rate"].kind == "lag" and late.features["zone_rate"].unit is None
    assert late.model.task == "regression" and late.model.decision_threshold is None
    assert late.sources["zones"].connector.pattern == "data/other.csv"
    assert late.sources["zones"].key == ["zone"]


def test_null_takes_away_what_the_other_declares(folder):
    late = folder.load("extends: rides\nlast_night: null\nfeatures: {zone_rate: null, distance: {range: null}}\n")
    assert late.last_night is None
    assert "zone_rate" not in late.features
    assert late.features["distance"].range is None and late.features["distance"].default == 5


def test_families_and_defaults_are_taken_over_as_they_are_written(folder):
    rate = (
        "{kind: rate, source: outcomes, of: cancelled, by: [[zone], [rider_id]], nights: [7, 28], description: 'Share {by}.'}"
    )
    folder.write("shared/rates", f"extends: rides\ndefaults: {{rate: {{smoothing: 5}}}}\nfeatures: {{cut: {rate}}}\n")
    late = folder.load("extends: shared/rates\nfeatures: {cut: {nights: [3]}}\ndefaults: {rate: {unit: share}}\n")
    assert list(late.features)[-2:] == ["zone_cut_3d", "rider_id_cut_3d"]
    assert late.features["zone_cut_3d"].smoothing == 5
    assert {name for name, feature in late.features.items() if feature.unit == "share"} == {
        "zone_rate",
        *list(late.features)[-2:],
    }


def test_a_shared_file_is_no_use_case_and_need_not_be_whole(folder):
    document = yaml.safe_load(RIGHT)
    part = {key: document.pop(key) for key in ("sources", "time_zone", "entity")}
    document |= {"extends": "shared/city", "use_case": "late"}
    folder.write("shared/city", yaml.safe_dump(part, sort_keys=False))
    folder.write("late", yaml.safe_dump(document, sort_keys=False))
    assert use_case_names(folder.path) == ["late", "rides"]
    late, rides = (
        definition_digest(load_use_case(name, folder.path).model_copy(update={"use_case": ""})) for name in ("late", "rides")
    )
    assert late == rides


def test_a_mistake_names_the_file_that_it_stands_in(folder):
    shared = "extends: rides\nowner: shop\nlabel:\n  expression: fair > 9\n"
    folder.write("shared/fares", shared)
    (where, what, _), (of_late, other, _) = sorted(
        folder.told_of("extends: shared/fares\nfeatures:\n  weekday: {expression: weekdays(zone)}\n")
    )[::-1]
    assert (where, of_late) == ("feature_defs/shared/fares.yaml:4", "feature_defs/late.yaml:4")
    assert "fair" in what and "weekdays" in other


def test_the_file_that_was_asked_for_comes_first(folder):
    folder.write(
        "another",
        RIGHT.replace("expression: distance, unit", "expression: distanze, unit").replace(
            "use_case: rides", "use_case: another"
        ),
    )
    told = folder.told_of("extends: another\nfeatures:\n  weekday: {expression: weekdays(zone)}\n")
    assert [where for where, _, _ in told] == [
        "feature_defs/late.yaml:4",
        f"feature_defs/another.yaml:{line_of(RIGHT, '  distance: {kind')}",
    ]


def test_what_neither_file_says_is_missing_where_the_file_holds_it(folder):
    ((where, what, _),) = folder.told_of("extends: rides\nlabel:\n  join: null\n")
    assert where == "feature_defs/late.yaml:3" and what == "the key 'join' is missing in 'label'."


REFUSED = {
    "no such file": (
        "ridez",
        "there is no definition 'ridez' to extend.",
        "Did you mean 'rides'? There are: rides, shared/other.",
    ),
    "itself": ("late", "definitions extend each other in a circle: late -> late.", "Leave out one 'extends'."),
    "a path": ("../rides", "'extends' reads '../rides'.", "Write the name of another use case, or shared/NAME"),
    "a file's name": ("rides.yaml", "'extends' reads 'rides.yaml'.", "without .yaml"),
    "another folder": ("others/rides", "'extends' reads 'others/rides'.", "shared/NAME"),
    "a list": ("[rides]", "'extends' reads ['rides'].", "Write the name of another use case"),
    "nothing": ("null", "'extends' reads None.", "Write the name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_extended_is_told_at_its_line(case, folder):
    name, what, do = REFUSED[case]
    folder.write("shared/other", "owner: shop\n")
    ((where, read, way_out),) = folder.told_of(f"owner: shop\nextends: {name}\n")
    assert where == "feature_defs/late.yaml:3"
    assert what in read and do in way_out


def test_a_circle_is_told_where_it_closes(folder):
    folder.write("shared/one", "extends: shared/two\n")
    folder.write("shared/two", "owner: shop\nextends: shared/one\n")
    ((where, what, _),) = folder.told_of("extends: shared/one\n")
    assert where == "feature_defs/shared/two.yaml:2"
    assert what == "definitions extend each other in a circle: shared/one -> shared/two -> shared/one."


@pytest.mark.parametrize("files", [3, 4, 5])
def test_four_files_extend_one_another_and_not_five(files, folder):
    for number in range(2, files):
        folder.write(f"shared/f{number}", f"extends: {f'shared/f{number + 1}' if number < files - 1 else 'rides'}\n")
    text = f"extends: {'shared/f2' if files > 2 else 'rides'}\n"
    if files <= 4:
        assert folder.load(text).owner == "city-rides"
        return
    ((where, what, _),) = folder.told_of(text)
    assert where == "feature_defs/shared/f4.yaml:1"
    assert what == "late -> shared/f2 -> shared/f3 -> shared/f4 -> rides are more than 4 files, one extending the other."


def test_what_is_extended_is_a_mapping(folder):
    folder.write("shared/list", "- owner\n")
    ((where, what, _),) = folder.told_of("extends: shared/list\n")
    assert where == "feature_defs/shared/list.yaml:1" and "it is extended, and is no mapping" in what


def test_a_use_case_names_itself(folder):
    folder.write("late", "extends: rides\n")
    with pytest.raises(DefinitionError, match=r"late\.yaml:1: the key 'use_case' is missing at the top"):
        load_use_case("late", folder.path)


def test_a_change_of_the_file_that_is_extended_is_read_at_once(folder):
    before = folder.load("extends: rides\n")
    assert load_use_case("late", folder.path) is before
    folder.write("rides", RIGHT.replace("owner: city-rides", "owner: the-city"))
    assert load_use_case("late", folder.path).owner == "the-city"


def test_a_text_alone_extends_nothing():
    with pytest.raises(DefinitionError, match=r"there is no definition 'rides' to extend\. Write the name of a definition"):
        parse_use_case("use_case: late\nextends: rides\n", FILE, "late")


# --- who reads definitions ----------------------------------------------------------------------------------------------


def test_the_text_of_a_definition_needs_no_other_file(folder):
    late = folder.load("extends: rides\nfeatures: {zone_rate: {nights: [7, 28], by: [[zone]]}}\n")
    text = definition_text("late", folder.path)
    assert text.startswith("# late.yaml with what it extends: rides\n")
    assert parse_use_case(text, "definition.yaml", "late") == late
    assert definition_text("rides", folder.path) == RIGHT, "as it stands, comments and all"


@pytest.mark.parametrize("name", ["flight_delay", "arrival_delay", "credit_risk"])
def test_the_text_of_a_shipped_definition_needs_no_other_file(name):
    shipped = REPOSITORY / "feature_defs"
    text = definition_text(name, shipped)
    assert definition_digest(parse_use_case(text, "definition.yaml", name)) == definition_digest(load_use_case(name, shipped))


def test_a_place_is_in_the_file_that_holds_it(folder):
    folder.load("extends: rides\nrisk: high\nfeatures:\n  zone_rate: {nights: [7, 28]}\n")
    line = RIGHT[: RIGHT.index("      fare: {")].count("\n") + 1
    assert (
        place_in_definition("late", folder.path, ("sources", "outcomes", "columns", "fare", "expression"))
        == f"feature_defs/rides.yaml:{line}"
    )
    assert place_in_definition("late", folder.path, ("risk",)) == "feature_defs/late.yaml:3"
    assert place_in_definition("late", folder.path, ("features", "zone_rate_7d", "nights")).startswith(
        "feature_defs/late.yaml:5"
    )
    assert place_in_definition("gone", folder.path, ("risk",)) == "feature_defs/gone.yaml:1"


def git(folder: Folder, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "-C", str(folder.path), *who, *arguments], check=True, capture_output=True)


def test_a_revision_is_extended_by_what_stood_beside_it(folder):
    late = folder.load("extends: rides\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    folder.write("rides", RIGHT.replace("owner: city-rides", "owner: the-city"))
    now = load_use_case("late", folder.path)
    settings = load_settings(definitions=folder.path)
    assert now.owner == "the-city"
    assert definition_at(now, settings, "HEAD") == late


def test_a_file_elsewhere_is_extended_by_what_stands_beside_it_or_else_in_the_folder(folder, tmp_path):
    now = folder.load("extends: rides\n")
    elsewhere = tmp_path / "old" / "late.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text("use_case: late\nextends: rides\nrisk: medium\n")
    settings = load_settings(definitions=folder.path)
    assert definition_at(now, settings, str(elsewhere)).owner == "city-rides"
    (elsewhere.parent / "rides.yaml").write_text(changed({"owner": "old-owner"}))
    then = definition_at(now, settings, str(elsewhere))
    assert (then.owner, then.risk) == ("old-owner", "medium")
