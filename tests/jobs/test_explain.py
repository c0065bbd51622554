"""One answer explained: contributions that add up, in declared words, of the row that was published; and LIME beside it."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from jobs import score
from jobs.commands import models
from jobs.commands.command_line import main
from jobs.explain import ScoredRow, explain, scored_row
from jobs.lime_explanations import SEEDS, LimeExplanation, _filled, _prediction_of, explain_by_lime
from nightloop.definitions.features import ReasonWords
from nightloop.errors import NotReady, StoreDamaged, UsageError
from nightloop.lake import Commit
from nightloop.model import bundle, champions
from nightloop.model.calibration import Calibration
from nightloop.model.predictor import Predictor
from nightloop.model.training.explanations import as_markdown, draw_dependence, draw_summary, explained
from nightloop.nights import one
from tests.fixtures_models import NAMES, TINY_LINEAR, tiny_features, tiny_rows

NIGHT = date(2024, 3, 1)
FIRST = f"{NIGHT}/0"


@pytest.fixture(scope="module")
def spoken(tiny):
    """The tiny use case, with words for two of its features."""
    words = {
        "balance": ReasonWords(up="owes much", down="owes little"),
        "visits": ReasonWords(up="came often", down="stayed away"),
    }
    features = {name: of.model_copy(update={"reason": words.get(name)}) for name, of in tiny.features.items()}
    return tiny.model_copy(update={"features": features})


@pytest.fixture(params=["trees", "linear"])
def scored(request, workspace, spoken, write_bundle, tmp_path):
    """A scored night of a champion whose reasons have words."""
    model = {} if request.param == "trees" else {"model": TINY_LINEAR}
    kept = workspace.settings.home / "bundles" / "tiny" / "1"
    kept.parent.mkdir(parents=True)
    write_bundle(kept, use_case=spoken, **model)
    workspace.lake.publish("tiny/features", NIGHT, tiny_features(NIGHT), Commit("features", "tiny"))
    champions.promote(workspace.ledger, "tiny", 1, NIGHT, {"bundle_digest": bundle.digest(kept)})
    score.run(spoken, one(NIGHT), workspace)
    return workspace


def explained_answer(use_case, night, entity, workspace):
    return explain(use_case, night, scored_row(use_case, night, entity, workspace))


def test_base_and_contributions_of_every_row_add_up_to_the_margin(trees_bundle, linear_bundle):
    for folder in (trees_bundle, linear_bundle):
        predictor, rows = Predictor.load(folder), tiny_rows(300)
        made = predictor.explain(rows)
        assert np.abs(made.base + made.effect.sum(axis=1) - made.margin).max() < 1e-5
        calibrated = 1 / (1 + np.exp(-(made.margin + predictor.spec.calibration.intercept)))
        np.testing.assert_allclose(calibrated, made.prediction, rtol=1e-12)
        again = predictor.predict(rows)
        assert made.prediction.tobytes() == again.prediction.tobytes(), "the same answer as without an explanation"
        strongest = np.take_along_axis(made.effect, again.reason, axis=1)
        assert strongest.tobytes() == again.effect.tobytes(), "the reasons are the strongest of these contributions"


def test_a_published_answer_is_explained_by_all_its_features_the_largest_first_in_declared_words(scored, spoken):
    made = explained_answer(spoken, NIGHT, [FIRST], scored)
    assert {item.feature for item in made.contributions} == set(NAMES) and made.adds_up
    sizes = [abs(item.effect) for item in made.contributions]
    assert sizes == sorted(sizes, reverse=True)
    published = scored.lake.read("tiny/scores").to_pylist()
    [row] = [row for row in published if row["account"] == FIRST]
    assert made.answer == {"probability": row["probability"], "decision": row["decision"]} and made.version == 1
    by_name = {item.feature: item for item in made.contributions}
    assert by_name[row["reason_1"]].effect == row["effect_1"]
    assert by_name["balance"].text == ("owes much" if by_name["balance"].effect > 0 else "owes little")
    assert by_name["age"].text == "The age of the account."


def test_another_answer_than_was_published_is_no_explanation(scored, spoken):
    changed = tiny_features(date(2024, 3, 2)).slice(0, 1).set_column(0, "account", [[FIRST]])
    scored.lake.publish("tiny/features", NIGHT, changed, Commit("features", "tiny"))
    with pytest.raises(StoreDamaged, match=r"answers .* for this row, and .* was published"):
        explained_answer(spoken, NIGHT, [FIRST], scored)


def test_a_row_that_is_not_there_a_key_of_another_length_and_a_night_that_is_not_scored_are_named(scored, spoken):
    with pytest.raises(UsageError, match="the night has 0 rows with account = nobody") as refused:
        explained_answer(spoken, NIGHT, ["nobody"], scored)
    assert "It has 300 rows, for example" in str(refused.value)
    with pytest.raises(UsageError, match="an entity is known by account; 2 values are given"):
        explained_answer(spoken, NIGHT, [FIRST, "more"], scored)
    with pytest.raises(NotReady):
        explained_answer(spoken, date(2024, 3, 2), [FIRST], scored)


@pytest.fixture
def command(scored, spoken, monkeypatch, capsys):
    monkeypatch.setattr(models, "load_settings", lambda: scored.settings)
    monkeypatch.setattr(models, "load_use_case", lambda *_: spoken)

    def run(*options: str) -> tuple[int, str, str]:
        code = main(["explain", "tiny", str(NIGHT), FIRST, *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_command_shows_bars_words_and_that_it_adds_up(command):
    code, text, _ = command()
    lines = text.splitlines()
    assert code == 0 and lines[0].startswith(f"tiny, night {NIGHT}, account {FIRST}: probability 0.")
    assert "(base)" in lines[2] and len(lines) == 3 + len(NAMES) + 1
    bars = [line.split()[1] for line in lines[3:-1]]
    assert len(bars[0]) == models.BAR and set("".join(bars[:2])) <= {"+", "-"}
    assert "base and contributions add up to the margin" in lines[-1] and "owes" in text
    code, text, _ = command("--json")
    answer = json.loads(text)
    assert answer["adds_up"] is True and len(answer["contributions"]) == len(NAMES) and "lime" not in answer


def test_without_the_package_lime_the_command_says_how_to_get_it(command, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lime.lime_tabular", None)
    code, _, error = command("--method", "lime")
    assert code == 2 and "pip install 'lime>=0.2,<0.3'" in error


def of_weights(weights) -> LimeExplanation:
    return LimeExplanation(tuple("abcd"), np.array(weights, dtype=float), (0.5,) * len(weights), ())


def test_seeds_that_put_the_features_in_one_order_agree_wholly_and_opposite_orders_not_at_all():
    assert of_weights([[4, -3, 2, 1], [8, 6, 4, -2]]).agreement == pytest.approx(1)
    assert of_weights([[4, 3, 2, 1], [1, 2, 3, 4]]).agreement == pytest.approx(-1)
    mixed = of_weights([[4, 3, 2, 1], [4, 3, 2, 1], [1, 2, 3, 4]])
    assert mixed.agreement == pytest.approx(-1 / 3) and mixed.same_first == 2


def test_lime_is_asked_with_every_seed_and_what_is_missing_is_named(scored, spoken, monkeypatch, command):
    row = scored_row(spoken, NIGHT, [FIRST], scored)
    row = ScoredRow(
        row.entity, row.predictor, row.version, np.array([[np.nan, 1.0, 2.0, np.nan]]), row.night_features, row.answer
    )
    asked: list[int] = []

    def lime(seed: int):
        asked.append(seed)
        return np.random.default_rng(seed).normal(size=len(NAMES)), 0.4

    made = explain_by_lime(row, lime)
    assert tuple(asked) == SEEDS and made.filled == ("age", "visits") and made.weights.shape == (5, 4)
    lines = "\n".join(models.lime_lines(made))
    assert f"rank agreement of the seeds {made.agreement:.2f}" in lines and "given the night's median" in lines
    monkeypatch.setattr(models, "explain_by_lime", lambda _: made)
    code, text, _ = command("--method", "lime", "--json")
    assert code == 0 and json.loads(text)["lime"]["rank_agreement"] == made.agreement


def test_lime_asks_the_model_itself_and_missing_values_become_the_median(scored, spoken):
    row = scored_row(spoken, NIGHT, [FIRST], scored)
    rows = _filled(np.array([[np.nan, 1.0, 2.0, 3.0]]), np.array([[1.0, 0, 0, 0], [np.nan, 0, 0, 0], [3.0, 0, 0, 0]]))
    assert rows.tolist() == [[2.0, 1.0, 2.0, 3.0]]
    assert _filled(np.array([[np.nan]]), np.array([[np.nan]])).tolist() == [[0.0]]
    assert _prediction_of(row, rows[0])(rows) == row.predictor.predict(rows).prediction


def test_the_words_of_reasons_stand_in_the_bundle_and_a_definition_without_them_writes_what_it_did(
    tiny, spoken, write_bundle, tmp_path
):
    written = json.loads((write_bundle(tmp_path / "spoken", use_case=spoken) / bundle.SPEC).read_text())
    assert written["features"][1] == {
        "name": "balance", "reason": "The balance of the account.", "up": "owes much", "down": "owes little"
    }  # fmt: skip
    plain = json.loads((write_bundle(tmp_path / "plain", use_case=tiny) / bundle.SPEC).read_text())
    assert plain["features"][1] == {"name": "balance", "reason": "The balance of the account."}
    spec = bundle.read_spec(tmp_path / "spoken")
    said = [spec.reason_text("balance", effect) for effect in (0.5, -0.5, 0.0)]
    assert said == ["owes much", "owes little", "owes little"] and spec.reason_text("age", 1.0) == "The age of the account."


@pytest.mark.parametrize("model", ["trees", "linear"])
def test_over_all_the_features_are_told_by_their_mean_size_and_direction(trees_bundle, model):
    trees, rows = Predictor.load(trees_bundle), tiny_rows(3000)
    asked = trees.model if model == "trees" else TINY_LINEAR
    of = explained(asked, Calibration("platt", slope=2.0), trees.spec.task, features=NAMES, values=rows)
    assert of.effect.shape == (1000, 4) and np.isnan(of.values).any()
    lines = as_markdown(of).splitlines()
    first = [cell.strip() for cell in lines[4].split("|")[1:-1]]
    assert first[0] == NAMES[of.order[0]] and first[1] == f"{of.strength.max():.4f}"
    directions = {line.split("|")[1].strip(): line.split("|")[-2].strip() for line in lines[4:]}
    if model == "trees":
        assert (
            first[0] == "balance" and directions["balance"] == "lowers the answer" and directions["age"] == "raises the answer"
        )
    else:
        assert directions["visits"] == "-" and directions["late_rate"] == "lowers the answer"
    shares = [float(line.split("|")[3].strip(" %")) for line in lines[4:]]
    assert sum(shares) == pytest.approx(100, abs=0.3)


def test_the_drawings_have_a_row_for_each_feature_and_a_point_for_each_value(trees_bundle):
    trees = Predictor.load(trees_bundle)
    of = explained(trees.model, Calibration("none"), trees.spec.task, features=NAMES, values=tiny_rows(200))
    axes = draw_summary(of).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [NAMES[place] for place in of.order[::-1]]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 4 * 200
    heights = np.concatenate([points.get_offsets()[:, 1] for points in axes.collections])
    assert np.abs(heights - np.round(heights)).max() <= 0.35 + 1e-9, "no point strays to its neighbour's line"
    assert [axes.get_xlabel() for axes in draw_dependence(of).axes] == [NAMES[place] for place in of.order]
