import pytest

from nightloop.definitions import load_use_case
from nightloop.definitions.gates import FairnessGate
from nightloop.definitions.use_case import Card
from nightloop.evidence.verdict import Figure, Verdict
from nightloop.model.training import card, card_text
from nightloop.model.training.card_checklists import ANNEX_IV, MITCHELL
from nightloop.settings import REPOSITORY
from tests.fixtures_models import NAMES, tiny_training

FIGURES = {
    "xgboost": (
        Figure("auc", 0.7123456, 0.69, 0.73, 12345),
        Figure("selection_rate", 0.25, None, None, 400, group="north|east"),
    ),
    "logistic_regression": (Figure("auc", 0.68, 0.66, 0.7, 12345),),
}
GIVEN = {"candidates": FIGURES, "chosen": "xgboost", "rows": {"fit": 90000, "calibrate": 7000, "validate": 12345}}


def test_a_card_tells_purpose_owner_data_figures_and_how_to_make_it_again(tiny):
    text = card.render(tiny, tiny_training(), **GIVEN, limits=["Only accounts in euros."])
    for said in (
        "# tiny: xgboost, as of 2024-03-01",
        "Will the account be late?",
        "| owner | tests |",
        "| fit | 2024-01-01..2024-02-01 | 90,000 |",
        "| tiny/labels | 6 |",
        "| xgboost | auc | 0.7123 | 0.6900 to 0.7300 | 12,345 |",
        "| logistic_regression | auc | 0.6800 | 0.6600 to 0.7000 | 12,345 |",
        "- Only accounts in euros.",
        "python -m jobs train tiny 2024-03-01",
        "Judged after this card was written",
    ):
        assert said in text


def test_every_feature_has_its_line_and_personal_data_is_marked(tiny):
    lines = card.render(tiny, tiny_training(), **GIVEN).splitlines()
    for name in NAMES:
        [line] = [line for line in lines if line.startswith(f"| {name} |")]
        assert f"The {name} of the account." in line
        assert ("Personal data." in line) == (name == "age")


def test_figures_of_groups_stand_under_fairness_with_the_bar_in_their_name_kept_from_breaking_the_table(tiny):
    text = card.render(tiny, tiny_training(), **GIVEN)
    performance, fairness = text.split("## Fairness by account")
    assert "north" not in performance
    assert "| north\\|east | selection rate | 0.2500 |  | 400 |" in fairness


def test_groups_stand_in_the_order_people_count_in(tiny):
    bands = ["100-109", "20-29", "0-9", "10-19"]
    figures = tuple(Figure("selection_rate", 0.25, None, None, 400, group=band) for band in bands)
    text = card.render(tiny, tiny_training(), **{**GIVEN, "candidates": {"xgboost": figures}})
    assert [line.split("|")[1].strip() for line in text.splitlines() if "| selection rate |" in line] == [
        "0-9", "10-19", "20-29", "100-109",
    ]  # fmt: skip


def test_verdicts_are_told_where_they_are_known(tiny):
    verdict = Verdict("fairness", "not_enough_evidence", "Only 40 rows of group south.")
    text = card_text.completed(card.render(tiny, tiny_training(), **GIVEN), {card_text.GATES: card.verdicts_table([verdict])})
    assert "| fairness | not enough evidence | Only 40 rows of group south. |" in text
    assert "Judged after" not in text


def test_the_same_facts_write_the_same_card_and_no_clock_is_read(tiny):
    assert card.render(tiny, tiny_training(), **GIVEN) == card.render(tiny, tiny_training(), **GIVEN)


def test_a_card_names_every_limit_and_crossing_of_the_fairness_gate_or_why_there_is_none(tiny):
    def with_gate(**keys):
        gate = FairnessGate(**keys)
        return tiny.model_copy(update={"gates": tiny.gates.model_copy(update={"fairness": gate})})

    keys = {"group": "account", "metric": "selection_rate_difference", "maximum": 0.2, "attributes": ("sex", "age")}
    several = with_gate(**keys, limits={"selection_rate_ratio": 0.8, "calibration_bias": 0.05})
    text = card.render(several, tiny_training(), **GIVEN)
    assert "## Fairness by account, sex, age" in text
    assert (
        "The gate looks at selection rate difference; it may be 0.2 at most. Selection rate ratio must be 0.8 at least. "
        "Calibration bias may be 0.05 at most. All of it also by sex x age."
    ) in text
    none = card.render(with_gate(none_because="Pumps."), tiny_training(), **GIVEN)
    assert "## Fairness\n\nNo fairness gate applies: Pumps." in none and "Fairness by" not in none


@pytest.fixture(params=["flight_delay", "arrival_delay", "credit_risk"])
def shipped(request):
    return load_use_case(request.param, REPOSITORY / "feature_defs")


def test_every_heading_of_both_checklists_is_answered_for_every_shipped_use_case(shipped):
    sections = card_text.sections_of(card.render(shipped, tiny_training(), **GIVEN))
    answered = {**MITCHELL, **{point.heading: point.sections for point in ANNEX_IV if not point.left_to_owner}}
    for heading, named in answered.items():
        assert named, heading
        for name in named:
            bodies = [body for title, body in sections.items() if title == name or title.startswith(f"{name} by ")]
            assert bodies and all(bodies), (heading, name)
    assert all(point.sections or point.left_to_owner for point in ANNEX_IV)
    assert all(body for heading, body in sections.items()), "a section is empty"
    listed = sections["Where the checklists are answered"]
    assert all(heading in listed for heading in [*MITCHELL, *(point.heading for point in ANNEX_IV)])


@pytest.mark.parametrize("field", sorted(Card.model_fields))
def test_what_the_owner_did_not_write_is_said_plainly_and_what_was_written_stands(tiny, field):
    silent = card.render(tiny, tiny_training(), **GIVEN)
    words = tiny.model_copy(update={"card": Card(**{field: "For clerks | only."})})
    spoken = card.render(words, tiny_training(), **GIVEN)
    assert silent.count(card_text.NOT_STATED) == 4 and spoken.count(card_text.NOT_STATED) == 3
    assert "For clerks | only." in spoken


def test_what_is_known_later_takes_the_place_of_its_sentence_and_an_earlier_card_gets_the_section(tiny):
    text = card.render(tiny, tiny_training(), **GIVEN)
    whole = card_text.completed(text, dict.fromkeys(card_text.LATER, "Known now."))
    assert whole.count("Known now.") == 4 and not any(sentence in whole for sentence in card_text.LATER.values())
    assert list(card_text.sections_of(whole)) == list(card_text.sections_of(text))
    earlier = card_text.completed("# tiny\n\n## Gates\n\nOld.\n", {card_text.CHANGES: "Known now."})
    assert card_text.sections_of(earlier)[card_text.CHANGES] == "Known now."


def test_parts_of_the_rows_have_figures_of_their_own(tiny):
    part = Figure("auc", 0.61, 0.5, 0.7, 300, group="2024-02-09 to 2024-02-15")
    sections = card_text.sections_of(card.render(tiny, tiny_training(), **GIVEN, slices=[part]))
    assert "| 2024-02-09 to 2024-02-15 | auc | 0.6100 | 0.5000 to 0.7000 | 300 |" in sections["Slices"]
    assert card_text.sections_of(card.render(tiny, tiny_training(), **GIVEN))["Slices"] == card.NO_SLICES
