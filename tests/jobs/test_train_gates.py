"""Only a standing pass of every gate promotes: each verdict, its evaluation, its limits, and a person where risk is high.

The ledger and the lake are real; the registry only hands out the candidate and keeps the alias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.training import bundle_evidence, judges
from jobs.training import gates as train_gates
from jobs.training.gates import GATES, adopt, gate, promote
from nightloop.definitions.use_case import UseCase
from nightloop.errors import GateFailed, NotReady, StoreUnavailable, UsageError
from nightloop.evidence.verdict import Figure, Verdict
from nightloop.lake import Commit
from nightloop.model import champions
from nightloop.model.packaging import CleanAnswers
from nightloop.model.registry import RegisteredVersion
from nightloop.nights import one
from nightloop.workspace import Workspace
from tests.jobs.conftest import AS_OF, definition

VERSION = 3
NAME = "accounts_late"


@dataclass
class Aliases:
    """The registry as far as promotion needs it."""

    moved: list[tuple[str, str, int]] = field(default_factory=list)
    on_move: Callable[[], object] = lambda: None

    def set_alias(self, use_case: str, alias: str, version: int) -> None:
        self.moved.append((use_case, alias, version))
        self.on_move()


@dataclass
class Training:
    """A candidate that is evaluated, and what can be done with it."""

    workspace: Workspace
    use_case: UseCase
    registry: Aliases

    def evaluate(
        self,
        *,
        version: int = VERSION,
        champion_version: int | None = None,
        anchor_version: int | None = None,
        seed: int = 1,
    ) -> None:
        """Publish the evaluation of a candidate that passes every gate."""
        random = np.random.default_rng(seed)
        nights, rows = 8, 200
        night = np.repeat([AS_OF - timedelta(days=day) for day in range(nights)], rows)
        known, more = random.normal(size=(2, nights * rows))
        probability = 1 / (1 + np.exp(-(known + more)))
        weaker = 1 / (1 + np.exp(-known))
        label = random.random(nights * rows) < probability
        champion = np.full(len(label), np.nan) if champion_version is None else weaker
        table = pa.table(
            {
                "scored_night": pa.array(night.tolist(), pa.date32()),
                "account": [f"a{i}" for i in range(len(label))],
                "label": label,
                "group": np.where(np.arange(len(label)) % 2, "north", "south"),
                "candidate": probability,
                "decision": probability > 0.5,
                "baseline": weaker,
                "champion": pa.array(champion, from_pandas=True),
                "version": np.full(len(label), version),
                "champion_version": pa.array([champion_version] * len(label), pa.int64()),
                "unable_versions": [""] * len(label),
                "origin": pa.nulls(len(label), pa.date32()),
                "anchor": pa.array(champion, from_pandas=True),
                "anchor_version": pa.array([anchor_version or champion_version] * len(label), pa.int64()),
            }
        )
        self.workspace.lake.publish(f"{NAME}/evaluation", AS_OF, table, Commit("train", NAME))

    def judge(self, *without: str) -> None:
        for name in GATES:
            if name not in without:
                gate(self.use_case, AS_OF, self.workspace, name=name)

    def promote(self) -> dict[str, Any]:
        return promote(self.use_case, AS_OF, self.workspace)

    def verdicts(self, name: str) -> list[Any]:
        return self.workspace.ledger.events(NAME, kind="gate_judged", subject=f"{VERSION}/{name}")

    def with_(self, **changes: object) -> Training:
        return Training(self.workspace, UseCase.model_validate(definition(**changes)), self.registry)

    def answer(self, kind: str) -> None:
        self.workspace.ledger.record(kind, NAME, night=AS_OF, subject="somebody")


@pytest.fixture
def training(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Training:
    registry = Aliases()
    workspace.__dict__["registry"] = registry
    version = RegisteredVersion(VERSION, "run-3", AS_OF, "key-3", "digest-3")
    monkeypatch.setattr(train_gates, "candidate_version", lambda *_: version)
    for written in ("write_verdicts", "write_judged_card"):
        monkeypatch.setattr(train_gates, written, lambda *_: None)
    for name in ("data", "slices", "stability", "behaviour", "privacy"):
        monkeypatch.setitem(train_gates.JUDGES, name, lambda *_, name=name: Verdict(name, "pass", "Whole."))
    monkeypatch.setitem(
        train_gates.JUDGES,
        "bundle",
        lambda *_: Verdict("bundle", "pass", "Loaded.", (Figure("largest_gap", 0.0, None, None, 9),)),
    )
    made = Training(workspace, UseCase.model_validate(definition()), registry)
    made.evaluate()
    return made


def test_four_passes_promote_and_the_promotion_names_the_events_it_stands_on(training: Training) -> None:
    training.judge()
    assert training.promote() == {"version": VERSION, "promoted": True, "effective_from": str(AS_OF)}
    champion = champions.history(training.workspace.ledger, NAME)[-1]
    assert (champion.version, champion.as_of, champion.effective_from) == (VERSION, AS_OF, AS_OF)
    assert champion.payload["verdicts"] == {name: training.verdicts(name)[-1].seq for name in GATES}
    recorded = {key: champion.payload[key] for key in ("run_id", "training_key", "bundle_digest")}
    assert recorded == {"run_id": "run-3", "training_key": "key-3", "bundle_digest": "digest-3"}
    assert training.registry.moved == [(NAME, "champion", VERSION)]


@pytest.mark.parametrize("missing", GATES)
def test_without_any_one_verdict_nobody_is_promoted(training: Training, missing: str) -> None:
    training.judge(missing)
    with pytest.raises(GateFailed, match=f"version 3 is not promoted: {missing} gave no verdict") as caught:
        training.promote()
    assert caught.value.do == "There is no champion: no night is scored until a training passes every gate."
    assert champions.history(training.workspace.ledger, NAME) == [] and training.registry.moved == []


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("outcome", ["fail", "not_enough_evidence"])
def test_any_one_verdict_that_is_no_pass_stops_the_promotion(
    training: Training, monkeypatch: pytest.MonkeyPatch, name: str, outcome: Any
) -> None:
    training.judge()
    monkeypatch.setitem(train_gates.JUDGES, name, lambda *_: Verdict(name, outcome, "For a reason."))
    words = outcome.replace("_", " ")
    with pytest.raises(GateFailed, match=f"gate {name}, version 3: {words}. For a reason."):
        gate(training.use_case, AS_OF, training.workspace, name=name)
    assert training.verdicts(name)[-1].payload["outcome"] == outcome, "recorded before it is raised"
    with pytest.raises(GateFailed, match=f"not promoted: {name}: For a reason[.]"):
        training.promote()
    assert champions.history(training.workspace.ledger, NAME) == []


def test_all_that_is_wrong_is_told_at_once(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    training.judge("calibration", "fairness")
    monkeypatch.setitem(train_gates.JUDGES, "fairness", lambda *_: Verdict("fairness", "fail", "Unequal."))
    with pytest.raises(GateFailed):
        gate(training.use_case, AS_OF, training.workspace, name="fairness")
    with pytest.raises(GateFailed, match=r"calibration gave no verdict; fairness: Unequal\."):
        training.promote()


def test_a_later_pass_replaces_an_earlier_fail_and_the_other_way_round(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = train_gates.JUDGES["fairness"]
    training.judge()
    monkeypatch.setitem(train_gates.JUDGES, "fairness", lambda *_: Verdict("fairness", "fail", "Unequal."))
    with pytest.raises(GateFailed):
        gate(training.use_case, AS_OF, training.workspace, name="fairness")
    monkeypatch.setitem(train_gates.JUDGES, "fairness", honest)
    gate(training.use_case, AS_OF, training.workspace, name="fairness")
    assert [event.payload["outcome"] for event in training.verdicts("fairness")] == ["pass", "fail", "pass"]
    assert training.promote()["promoted"]


def test_the_same_verdict_again_adds_nothing_and_another_evaluation_does(training: Training) -> None:
    training.judge()
    training.judge()
    assert [len(training.verdicts(name)) for name in GATES] == [1] * len(GATES)
    training.evaluate(seed=2)
    training.judge()
    assert [len(training.verdicts(name)) for name in GATES] == [2] * len(GATES)


def test_verdicts_on_another_evaluation_do_not_count(training: Training) -> None:
    training.judge()
    training.evaluate(seed=2)
    with pytest.raises(GateFailed, match="performance gave no verdict; calibration gave no verdict; fairness gave no verdict"):
        training.promote()


def test_verdicts_by_other_limits_do_not_count(training: Training) -> None:
    training.judge()
    gates = definition()["gates"]
    assert isinstance(gates, dict)
    wider = {**gates, "calibration": {**gates["calibration"], "maximum_bias": 0.1}}
    with pytest.raises(
        GateFailed, match=r"calibration gave its verdict by other limits than those of today: judge again[.] The"
    ):
        training.with_(gates=wider).promote()


def test_a_verdict_records_figures_limits_and_the_evaluation_it_stands_on(training: Training) -> None:
    training.judge()
    payload = training.verdicts("performance")[-1].payload
    assert payload["version"] == VERSION and payload["gate"] == "performance"
    assert payload["limits"] == training.use_case.gates.performance.model_dump(mode="json")
    assert payload["evaluation"] == training.workspace.lake.states(f"{NAME}/evaluation")[AS_OF].content_digest
    assert payload["figures"][0].keys() == {"metric", "value", "low", "high", "n", "group", "least", "most"}
    assert training.verdicts("privacy")[-1].payload["limits"] == {}
    assert training.verdicts("performance")[-1].night == AS_OF


def test_a_figure_that_is_no_number_is_recorded_as_none(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = (Figure("auc", float("nan"), None, float("inf"), 7),)
    monkeypatch.setitem(train_gates.JUDGES, "performance", lambda *_: Verdict("performance", "pass", "Fine.", figures))
    gate(training.use_case, AS_OF, training.workspace, name="performance")
    recorded = training.verdicts("performance")[-1].payload["figures"]
    assert recorded == [{"metric": "auc", "value": None, "low": None, "high": None, "n": 7, "group": "all"}]


def test_a_gate_returns_what_it_found(training: Training) -> None:
    told: list[tuple[str, int, int]] = []
    found = gate(training.use_case, AS_OF, training.workspace, name="fairness", progress=lambda *step: told.append(step))
    assert found == {"version": VERSION, "gate": "fairness", "outcome": "pass", "reason": found["reason"], "page": "None"}
    assert "selection rate difference by region" in found["reason"]
    assert told == [("judging fairness", 0, 1), ("judging fairness", 1, 1)]


def test_a_gate_that_breaks_is_a_gate_that_failed(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Verdict:
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(train_gates.JUDGES, "calibration", broken)
    with pytest.raises(GateFailed, match="The gate broke while judging: ZeroDivisionError: by zero") as caught:
        gate(training.use_case, AS_OF, training.workspace, name="calibration")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert training.verdicts("calibration")[-1].payload["outcome"] == "fail"


@pytest.mark.parametrize("error", [NotReady("later."), StoreUnavailable("away.")])
def test_what_may_succeed_later_leaves_no_verdict(
    training: Training, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unavailable(*_: object) -> Verdict:
        raise error

    monkeypatch.setitem(train_gates.JUDGES, "calibration", unavailable)
    with pytest.raises(type(error)):
        gate(training.use_case, AS_OF, training.workspace, name="calibration")
    assert training.verdicts("calibration") == []


def test_an_unknown_gate_is_refused_and_the_known_ones_are_named(training: Training) -> None:
    with pytest.raises(UsageError, match="there is no gate 'beauty'") as caught:
        gate(training.use_case, AS_OF, training.workspace, name="beauty")
    assert caught.value.do == f"The gates are {', '.join(GATES)}."
    assert len(GATES) == 9 and "stability" in GATES


def test_every_gate_has_a_judge_and_each_judges_by_its_own_limits(training: Training) -> None:
    assert tuple(train_gates.JUDGES) == GATES
    gates = definition()["gates"]
    assert isinstance(gates, dict)
    impossible = {
        "performance": {**gates["performance"], "over_baseline": 0.9},
        "calibration": {**gates["calibration"], "maximum_error": 1e-9},
        "fairness": {**gates["fairness"], "maximum": 1e-9},
    }
    for name, limits in impossible.items():
        stricter = training.with_(gates={**gates, name: limits})
        for other in GATES:
            if other == name:
                with pytest.raises(GateFailed):
                    gate(stricter.use_case, AS_OF, training.workspace, name=other)
            else:
                gate(stricter.use_case, AS_OF, training.workspace, name=other)


def promoted(training: Training, version: int, *, as_of: Any = AS_OF) -> None:
    champions.promote(training.workspace.ledger, NAME, version, as_of, {})


def test_a_candidate_that_was_not_compared_with_today_s_champion_is_not_promoted(training: Training) -> None:
    training.judge()
    promoted(training, 2)
    expected = "it was judged against no champion, but version 2 is champion now: evaluate again, then judge again"
    with pytest.raises(GateFailed, match=expected):
        training.promote()
    with pytest.raises(GateFailed, match=f"not enough evidence. {expected.capitalize()}"):
        gate(training.use_case, AS_OF, training.workspace, name="performance")


@pytest.mark.parametrize("gone", [(), ("leak",), ("leak", "leak_per_a")])
def test_a_refusal_names_what_the_champion_answers_by_and_the_definition_no_longer_has(
    training: Training, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...]
) -> None:
    champions.promote(training.workspace.ledger, NAME, 2, AS_OF, {"bundle_digest": "digest-2"})
    fetched: list[tuple[object, ...]] = []
    training.registry.fetch = lambda *of: fetched.append(of) or Path("bundle-2")  # type: ignore[attr-defined]
    features = (*training.use_case.features, *gone)
    monkeypatch.setattr(train_gates.bundle, "read_spec", lambda _folder: SimpleNamespace(features=features))
    training.judge("performance")
    with pytest.raises(GateFailed) as refused:
        training.promote()
    assert fetched[-1] == (NAME, 2, "digest-2")
    told = f"no longer has ({', '.join(gone)})" in str(refused.value)
    assert told == bool(gone) == ("champion retire accounts_late --help" in str(refused.value))


def test_a_candidate_compared_with_an_earlier_champion_is_not_promoted(training: Training) -> None:
    promoted(training, 1)
    training.evaluate(champion_version=1)
    training.judge()
    promoted(training, 2)
    with pytest.raises(GateFailed, match="judged against version 1, but version 2 is champion now"):
        training.promote()


def test_a_candidate_compared_with_a_champion_that_is_none_is_not_promoted(training: Training) -> None:
    training.evaluate(champion_version=1)
    with pytest.raises(GateFailed, match="against version 1, but there is none now"):
        gate(training.use_case, AS_OF, training.workspace, name="performance")


def test_a_candidate_compared_with_today_s_champion_is_promoted_after_it(training: Training) -> None:
    promoted(training, 2)
    training.evaluate(champion_version=2)
    training.judge()
    assert training.promote()["promoted"]
    assert [champion.version for champion in champions.history(training.workspace.ledger, NAME)] == [2, VERSION]
    assert "improvement over the champion" in training.verdicts("performance")[-1].payload["reason"]


def test_a_candidate_not_compared_with_the_best_of_the_year_is_not_promoted(training: Training) -> None:
    promoted(training, 1)
    promoted(training, 2)
    training.evaluate(champion_version=2)
    expected = "judged against version 2 as the best of the year, but it is version 1 now: evaluate again, then judge again"
    with pytest.raises(GateFailed, match=f"not enough evidence. It was {expected}"):
        gate(training.use_case, AS_OF, training.workspace, name="performance")
    training.evaluate(champion_version=2, anchor_version=1)
    training.judge()
    assert training.promote()["promoted"]
    payload = champions.history(training.workspace.ledger, NAME)[-1].payload
    assert payload["better_than"] == [1, 2]
    (verdict,) = [event for event in training.verdicts("performance") if event.payload["outcome"] == "pass"]
    assert {"auc_over_anchor", "budget_spent", "budget_left"} <= {item["metric"] for item in verdict.payload["figures"]}


def test_an_evaluation_of_a_release_before_there_were_earlier_origins_is_made_again(training: Training) -> None:
    lake, table = training.workspace.lake, f"{NAME}/evaluation"
    rows = lake.read(table, one(AS_OF)).drop_columns(["night", "origin"])
    older = Training(training.workspace, UseCase.model_validate(definition(use_case="older")), training.registry)
    lake.publish("older/evaluation", AS_OF, rows, Commit("train", "older"))
    with pytest.raises(NotReady, match="without earlier origins"):
        gate(older.use_case, AS_OF, older.workspace, name="performance")


def test_an_evaluation_of_another_candidate_is_no_evidence(training: Training) -> None:
    training.evaluate(version=VERSION + 1)
    with pytest.raises(NotReady, match=r"of version \[4\], not of 3"):
        gate(training.use_case, AS_OF, training.workspace, name="performance")
    with pytest.raises(NotReady):
        training.promote()


def test_promoting_again_changes_nothing_and_asks_for_no_verdict(training: Training) -> None:
    training.judge()
    first = training.promote()
    training.evaluate(seed=2)
    assert training.promote() == first
    assert len(champions.history(training.workspace.ledger, NAME)) == 1
    assert training.registry.moved == [(NAME, "champion", VERSION)] * 2, "the alias is set again: it may have been lost"


def test_the_alias_follows_the_newest_promotion_of_the_ledger_even_one_made_meanwhile(training: Training) -> None:
    training.judge()
    others = iter([VERSION + 1])

    def another() -> None:
        if (version := next(others, None)) is not None:
            promoted(training, version)

    training.registry.on_move = another
    training.promote()
    assert [version for _, _, version in training.registry.moved] == [VERSION, VERSION + 1]


@pytest.mark.parametrize(
    ("answers", "is_promoted"),
    [
        ([], False),
        (["approval_granted"], True),
        (["approval_refused"], False),
        (["approval_granted", "approval_refused"], False),
        (["approval_refused", "approval_granted"], True),
    ],
)
def test_where_risk_is_high_the_last_answer_of_a_person_decides(
    training: Training, answers: list[str], is_promoted: bool
) -> None:
    risky = training.with_(risk="high")
    risky.judge()
    for kind in answers:
        risky.answer(kind)
    if is_promoted:
        assert risky.promote()["promoted"]
        return
    with pytest.raises(
        GateFailed, match=r"not promoted: it waits for approval by a person, for the use case is of high risk[.] The"
    ):
        risky.promote()


def test_an_approval_of_earlier_verdicts_or_of_another_night_does_not_count(training: Training) -> None:
    risky = training.with_(risk="high")
    risky.answer("approval_granted")
    risky.judge()
    risky.workspace.ledger.record("approval_granted", NAME, night=AS_OF - timedelta(days=1), subject="somebody")
    risky.workspace.ledger.record("approval_granted", "another_use_case", night=AS_OF, subject="somebody")
    risky.workspace.ledger.record("approval_asked", NAME, night=AS_OF, subject="somebody")
    with pytest.raises(GateFailed, match="waits for approval"):
        risky.promote()


def test_a_yes_does_not_help_a_candidate_that_did_not_pass(training: Training) -> None:
    risky = training.with_(risk="high")
    risky.judge("fairness")
    risky.answer("approval_granted")
    with pytest.raises(GateFailed, match=r"not promoted: fairness gave no verdict[.] The"):
        risky.promote()


def test_where_risk_is_not_high_nobody_is_asked(training: Training) -> None:
    training.judge()
    training.answer("approval_refused")
    assert training.promote()["promoted"]


def test_the_bundle_gate_shows_the_registered_model_a_spread_of_the_rows_that_were_judged(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The candidate's own version in a clean process; as many rows as are worth it, the first and the last among them."""
    rows = 1201
    matrix = np.arange(rows, dtype=float)[:, None]
    asked: dict[str, Any] = {}

    class Rows:
        pass

    evaluated = Rows()
    evaluated.matrix = matrix  # type: ignore[attr-defined]
    evaluated.label = matrix[:, 0]  # type: ignore[attr-defined]
    monkeypatch.setattr(judges, "manifest_of", lambda *_: "manifest")
    monkeypatch.setattr(judges.training_snapshot, "read", lambda *_: "rows")
    monkeypatch.setattr(judges.evaluation_table, "evaluated_rows", lambda *_, rows: (evaluated, matrix[:, 0] / rows_count))

    def download(self: object, name: str, version: int, folder: Path) -> Path:
        asked["version"] = version
        (folder / "model").write_bytes(b"x" * 1000)
        return folder

    def answers(model: object, values: np.ndarray, *_: object) -> CleanAnswers:
        asked["rows"] = values[:, 0]
        return CleanAnswers(values[:, 0] / rows_count + gap, 0.5)

    class Served:
        def predict_undecided(self, row: np.ndarray) -> np.ndarray:
            result: np.ndarray = row[:, 0] / rows_count + gap_of_one
            return result

    monkeypatch.setattr(Aliases, "download_model", download, raising=False)
    monkeypatch.setattr(Aliases, "fetch", lambda *_: "folder", raising=False)
    monkeypatch.setattr(bundle_evidence, "predict_in_clean_process", answers)
    monkeypatch.setattr(bundle_evidence.bundle, "read_spec", lambda *_: SimpleNamespace(attribute=""))
    monkeypatch.setattr(bundle_evidence.Predictor, "load", lambda *_, **__: Served())
    workspace.__dict__["registry"] = Aliases()
    rows_count, gap, gap_of_one = rows, 0.0, 0.0
    use_case = UseCase.model_validate(definition())
    candidate = RegisteredVersion(VERSION, "run", AS_OF, "key", "digest")
    assert judges._bundle(use_case, AS_OF, workspace, candidate).outcome == "pass"
    assert asked["version"] == VERSION
    assert len(asked["rows"]) == bundle_evidence.SAMPLE and asked["rows"][0] == 0 and asked["rows"][-1] == rows - 1
    gap = 1e-6
    assert judges._bundle(use_case, AS_OF, workspace, candidate).outcome == "fail"
    gap, gap_of_one = 0.0, 1e-6
    assert "asked row by row" in judges._bundle(use_case, AS_OF, workspace, candidate).reason.lower()


def moved_by_hand(training: Training, monkeypatch: pytest.MonkeyPatch, to: int = VERSION) -> None:
    """Version 2 is champion, and somebody moves the alias in MLflow."""
    champions.promote(training.workspace.ledger, NAME, 2, AS_OF, {})
    training.workspace.ledger.record("champion_alias_set", NAME, subject="2")
    monkeypatch.setattr(Aliases, "alias", lambda *_: to, raising=False)
    registered = [RegisteredVersion(VERSION, "run-3", AS_OF, "key-3", "digest-3")]
    monkeypatch.setattr(Aliases, "versions", lambda *_: registered, raising=False)
    training.evaluate(champion_version=2)


def test_a_moved_alias_is_adopted_through_the_checks_of_a_promotion(training: Training, monkeypatch: pytest.MonkeyPatch):
    moved_by_hand(training, monkeypatch)
    training.judge()
    outcome = adopt(training.use_case, training.workspace, by="Ada", reason="It is what we want.")
    assert outcome["version"] == VERSION
    assert [champion.version for champion in champions.history(training.workspace.ledger, NAME)] == [2, VERSION]
    (event,) = training.workspace.ledger.events(NAME, kind="alias_adopted")
    assert event.payload == {"version": VERSION, "by": "Ada", "reason": "It is what we want."}


@pytest.mark.parametrize("without", ["fairness", "bundle"])
def test_a_version_that_a_gate_never_passed_is_not_adopted(training: Training, monkeypatch: pytest.MonkeyPatch, without: str):
    moved_by_hand(training, monkeypatch)
    training.judge(without)
    with pytest.raises(GateFailed, match=f"{without} gave no verdict"):
        adopt(training.use_case, training.workspace, by="Ada", reason="It is what we want.")
    assert [champion.version for champion in champions.history(training.workspace.ledger, NAME)] == [2]
    assert training.workspace.ledger.events(NAME, kind="alias_adopted") == []


def test_a_version_of_high_risk_is_not_adopted_without_a_persons_approval(training: Training, monkeypatch: pytest.MonkeyPatch):
    moved_by_hand(training, monkeypatch)
    risky = training.with_(risk="high")
    risky.judge()
    with pytest.raises(GateFailed, match="waits for approval by a person"):
        adopt(risky.use_case, risky.workspace, by="Ada", reason="It is what we want.")


def test_an_older_candidate_of_the_same_night_is_not_adopted_on_verdicts_of_a_newer(
    training: Training, monkeypatch: pytest.MonkeyPatch
):
    moved_by_hand(training, monkeypatch)
    training.judge()
    newer = RegisteredVersion(VERSION + 1, "run-4", AS_OF, "key-4", "digest-4")
    monkeypatch.setattr(train_gates, "candidate_version", lambda *_: newer)
    with pytest.raises(GateFailed, match=f"version {VERSION} is not the candidate of {AS_OF} any more"):
        adopt(training.use_case, training.workspace, by="Ada", reason="It is what we want.")
