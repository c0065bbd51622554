"""The lineage names every source and feature, and its picture is a flowchart that Mermaid can read."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from nightloop.definitions import load_use_case, use_case_names
from nightloop.reporting.lineage import Group, Lineage, lineage, nights_of
from nightloop.reporting.lineage_mermaid import SHOWN_FEATURES, lineage_mermaid
from nightloop.settings import REPOSITORY

DEFINITIONS = REPOSITORY / "feature_defs"
NAMES = use_case_names(DEFINITIONS)
NODE = re.compile(r'^ +(\w+)\["([^"]*)"\]$')
EDGE = re.compile(r"^ +\w+( (-->|-\. teaches \.->) \w+)+$")


def graph(*groups: Group, label: str = "It rained.") -> Lineage:
    return Lineage("rides", ("trips", "weather", "spare"), "trips", "weather", label, "binary", groups)


def nodes(picture: str) -> dict[str, str]:
    return {match[1]: match[2] for line in picture.splitlines() if (match := NODE.match(line))}


@pytest.mark.parametrize("name", NAMES)
def test_every_feature_stands_in_one_group_of_its_own_source(name: str) -> None:
    use_case = load_use_case(name, DEFINITIONS)
    groups = lineage(use_case).groups
    assert sorted(feature for group in groups for feature in group.features) == sorted(use_case.features)
    for group in groups:
        for feature in group.features:
            assert getattr(use_case.features[feature], "source", use_case.entity.source) == group.source


@pytest.mark.parametrize("name", NAMES)
def test_the_entity_comes_first_and_the_others_in_the_order_of_the_file(name: str) -> None:
    use_case = load_use_case(name, DEFINITIONS)
    order = [group.source for group in lineage(use_case).groups]
    first = [source for source in order if source == use_case.entity.source]
    assert order == first + sorted(order[len(first) :], key=list(use_case.sources).index)


@pytest.mark.parametrize("name", NAMES)
def test_a_group_has_the_windows_of_its_features_and_no_others(name: str) -> None:
    use_case = load_use_case(name, DEFINITIONS)
    for group in lineage(use_case).groups:
        assert set(group.tiles) == {nights for feature in group.features for nights in nights_of(use_case.features[feature])}
        assert list(group.tiles) == sorted(group.tiles)


def test_a_source_that_nothing_reads_is_unused() -> None:
    assert graph(Group("trips", "of the row itself", ("fare",))).unused == ("spare",)
    assert graph(Group("spare", "by zone", ("fare",))).unused == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_the_picture_is_a_node_an_edge_or_a_column(name: str) -> None:
    first, *lines = lineage_mermaid(lineage(load_use_case(name, DEFINITIONS))).splitlines()
    assert first == "flowchart LR"
    for line in lines:
        assert NODE.match(line) or EDGE.match(line) or re.fullmatch(r'  (subgraph \w+\["[\w ]+"\]|end)', line), line


@pytest.mark.parametrize("name", NAMES)
def test_every_edge_joins_two_nodes_and_every_node_leads_to_the_model(name: str) -> None:
    picture = lineage_mermaid(lineage(load_use_case(name, DEFINITIONS)))
    chains = [re.split(r" (?:-->|-\. teaches \.->) ", line.strip()) for line in picture.splitlines() if EDGE.match(line)]
    assert {node for chain in chains for node in chain} <= set(nodes(picture))
    leads = {start: end for chain in chains for start, end in pairwise(chain)}
    unused = {node for node, text in nodes(picture).items() if "not used" in text}
    reached = {"model"}
    for _ in nodes(picture):
        reached |= {node for node, end in leads.items() if end in reached}
    assert set(nodes(picture)) - unused == reached


def test_sources_name_their_part() -> None:
    drawn = nodes(lineage_mermaid(graph(Group("trips", "of the row itself", ("fare",)))))
    assert drawn["source_trips"] == "<b>trips</b><br>entity"
    assert drawn["source_weather"] == "<b>weather</b><br>label"
    assert drawn["source_spare"] == "<b>spare</b><br>not used"


def test_tiles_name_their_nights_in_the_singular_where_there_is_one() -> None:
    groups = Group("weather", "by zone", ("a",), (1,)), Group("weather", "by hour", ("b",), (1, 7))
    drawn = nodes(lineage_mermaid(graph(*groups)))
    assert drawn["tiles_0"] == "<b>by zone</b><br>weather, 1 night"
    assert drawn["tiles_1"] == "<b>by hour</b><br>weather, 1, 7 nights"


def test_without_a_window_there_are_no_tiles() -> None:
    assert "tiles" not in lineage_mermaid(graph(Group("trips", "of the row itself", ("fare",))))


@pytest.mark.parametrize("count", [1, SHOWN_FEATURES, SHOWN_FEATURES + 1, SHOWN_FEATURES + 2, 40])
def test_a_long_group_is_shortened_and_says_by_how_many(count: int) -> None:
    group = Group("trips", "of the row itself", tuple(f"f{i}" for i in range(count)))
    _, *lines = nodes(lineage_mermaid(graph(group)))["features_0"].split("<br>")
    if count <= SHOWN_FEATURES + 1:  # "and 1 more" would take the line of the one
        assert lines == list(group.features)
    else:
        assert lines == [*group.features[:SHOWN_FEATURES], f"and {count - SHOWN_FEATURES} more"]
    assert nodes(lineage_mermaid(graph(group)))["model"] == f"<b>rides</b><br>binary, {count} features"


def test_a_label_with_signs_of_mermaid_and_html_stays_a_text() -> None:
    drawn = nodes(lineage_mermaid(graph(label='a "quoted"] #1\n<b>bold</b> & `x`')))
    assert drawn["label"] == ("<b>label</b><br>a #quot;quoted#quot;] #35;1 #lt;b#gt;bold#lt;/b#gt; #amp; #96;x#96;")
