"""The catalogue of faults in docs/gates.md: each is put into a whole training that is honest but for it, and is stopped.

A fault of the path is put in where it would happen: into what a night published, between two steps, or into what is recorded.
The rules that public templates promote by are run on the same faults; a rule that stops none is the rule that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs import train
from nightloop.errors import GateFailed, NightloopError
from nightloop.lake import Commit
from nightloop.model import champions
from nightloop.model.training import candidate as candidate_module
from nightloop.model.training.slices import Slices, divide
from nightloop.nights import Night, Nights
from nightloop.settings import REPOSITORY
from tests.jobs.conftest import AS_OF, FIRST, MATURES, Loans, definition

NAME = "accounts_late"
NIGHT = FIRST + timedelta(days=12)
VALIDATED = Nights(AS_OF - timedelta(days=MATURES + 7), AS_OF - timedelta(days=MATURES))
Change = Callable[[pa.Table], pa.Table]


def change(loans: Loans, table: str, night: Night, by: Change) -> None:
    """Publish a night of a table anew, as a broken source or stage would have."""
    lake = loans.workspace.lake
    rows = lake.read(f"{NAME}/{table}", Nights(night, night))
    lake.publish(f"{NAME}/{table}", night, by(rows.drop_columns(["night"])), Commit("test", NAME))


def column(name: str, of: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda rows: rows.set_column(rows.column_names.index(name), name, pa.array(of(rows[name].to_numpy())))


def cut_off(loans: Loans) -> None:
    for table, night in (("features", NIGHT), ("raw_accounts", NIGHT), ("labels", NIGHT + timedelta(days=MATURES))):
        change(loans, table, night, lambda rows: rows.slice(0, 8))


def repeated(loans: Loans) -> None:
    before = loans.workspace.lake.read(f"{NAME}/features", Nights(NIGHT - timedelta(days=1), NIGHT - timedelta(days=1)))
    features = ["income", "debt", "visits"]
    change(loans, "features", NIGHT, lambda rows: pa.table({"account": rows["account"], **{n: before[n] for n in features}}))


def in_validation(of: Change) -> Callable[[Loans], None]:
    def put(loans: Loans) -> None:
        for night in VALIDATED:
            change(loans, "features", night, of)

    return put


def swapped(rows: pa.Table) -> pa.Table:
    return rows.rename_columns(["account", "income", "visits", "debt"]).select(rows.column_names)


def evaluated(**columns: Callable[[pa.Table], Any]) -> Callable[[Loans], None]:
    """Change what the evaluation holds: scores and decisions that went wrong after the fit."""

    def put(loans: Loans) -> None:
        table = f"{NAME}/evaluation"
        rows = loans.workspace.lake.read(table, Nights(AS_OF, AS_OF)).drop_columns(["night"])
        for name, of in columns.items():
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(of(rows)))
        loans.workspace.lake.publish(table, AS_OF, rows, Commit("train", NAME))

    return put


def candidate(rows: pa.Table) -> np.ndarray:
    return rows["candidate"].to_numpy()


def sharpened(rows: pa.Table) -> np.ndarray:
    odds = (candidate(rows) / (1 - candidate(rows))) ** 4
    return odds / (1 + odds)


def reversed_in_the_north(rows: pa.Table) -> np.ndarray:
    return np.where(np.array(rows["group"].to_pylist()) == "north", 1 - candidate(rows), candidate(rows))


def gates(**changed: Any) -> dict[str, Any]:
    declared: Any = definition()["gates"]
    return {"gates": {**declared, **changed}}


def nothing(_: Loans) -> None:
    """Put nothing in: the fault is what the model does, or holds."""


@dataclass(frozen=True)
class Fault:
    """One fault, where it is put in, and what stops it by which words.

    Attributes:
        put: puts it in: into what was published, or into the evaluation.
        stopped_by: a gate, or the step that refuses.
        after: whether it is put in after the fit, into the evaluation.
        declared: what the use case declares otherwise, where the fault is that the model does not keep to it.
    """

    name: str
    put: Callable[[Loans], None]
    stopped_by: str
    words: str
    after: bool = False
    declared: dict[str, Any] = field(default_factory=dict)


FAULTS = (
    Fault("a night cut off to a twentieth", cut_off, "data", "has 8 rows, 0.05 of the nights before it"),
    Fault(
        "labels lost in a join",
        lambda loans: change(loans, "labels", NIGHT, lambda rows: rows.slice(0, 40)),
        "data",
        "has labels for 25% of its rows",
    ),
    Fault("a stale night: the delivery of the day before", repeated, "data", "repeats night 2024-01-12, row by row"),
    Fault(
        "another unit in one night",
        lambda loans: change(loans, "features", NIGHT, column("debt", lambda values: values * 100)),
        "data",
        "Debt changed its scale",
    ),
    Fault("a column that stands still", in_validation(column("visits", np.zeros_like)), "data", "Visits stands still"),
    Fault(
        "a column that went missing",
        in_validation(column("visits", lambda values: np.full(len(values), np.nan))),
        "data",
        "Visits lacks 0.9",
    ),
    Fault(
        "rows that came twice",
        lambda loans: change(loans, "features", NIGHT, lambda rows: pa.concat_tables([rows, rows])),
        "assemble",
        "each label must find exactly one",
    ),
    Fault(
        "labels of other entities",
        lambda loans: change(loans, "labels", NIGHT, column("account", lambda keys: np.array([f"x{key}" for key in keys]))),
        "assemble",
        "each label must find exactly one",
    ),
    Fault(
        "labels without an entity's features",
        lambda loans: change(loans, "features", NIGHT, lambda rows: rows.slice(0, 100)),
        "assemble",
        "each label must find exactly one",
    ),
    Fault("one class only", lambda loans: loans.publish(labels=np.zeros_like), "assemble", "0 are positive"),
    Fault("shuffled labels", lambda loans: loans.publish(labels=np.random.default_rng(1).permutation), "performance", "a coin"),
    Fault(
        "a label among the features",
        lambda loans: loans.publish(
            features=lambda values, label: np.column_stack([label + values[:, 0] / 100, values[:, 1:]])
        ),
        "performance",
        "too good to be true",
    ),
    Fault("columns swapped where it is judged", in_validation(swapped), "performance", ""),
    Fault("scores of the wrong class", evaluated(candidate=lambda rows: 1 - candidate(rows)), "performance", "a coin", True),
    Fault(
        "scores in another order than the rows",
        evaluated(candidate=lambda rows: np.random.default_rng(2).permutation(candidate(rows))),
        "performance",
        "a coin",
        True,
    ),
    Fault("one score for all", evaluated(candidate=lambda rows: np.full(len(rows), 0.4)), "performance", "a coin", True),
    Fault(
        "scores that are no numbers",
        evaluated(candidate=lambda rows: np.where(np.arange(len(rows)) % 9, candidate(rows), np.nan)),
        "performance",
        "no probability",
        True,
    ),
    Fault(
        "scores beyond what a probability can be",
        evaluated(candidate=lambda rows: candidate(rows) * 3),
        "performance",
        "no probability",
        True,
    ),
    Fault("no better than the baseline", evaluated(candidate=lambda rows: rows["baseline"]), "performance", "baseline", True),
    Fault("too sure scores", evaluated(candidate=sharpened), "calibration", "calibration error", True),
    Fault(
        "scores too high by 0.1",
        evaluated(candidate=lambda rows: np.minimum(candidate(rows) + 0.1, 1)),
        "calibration",
        "off by",
        True,
    ),
    Fault(
        "one group favoured",
        evaluated(decision=lambda rows: (candidate(rows) > 0.5) | (np.array(rows["group"].to_pylist()) == "north")),
        "fairness",
        "north",
        True,
    ),
    Fault(
        "a group of which nothing is known",
        evaluated(group=lambda rows: np.where(np.arange(len(rows)) < 20, "east", np.array(rows["group"].to_pylist()))),
        "fairness",
        "east",
        True,
    ),
    Fault(
        "one region answered the wrong way round",
        evaluated(candidate=reversed_in_the_north),
        "slices",
        "In region=north it is worse than the baseline",
        True,
    ),
    Fault(
        "a direction that is declared and was not learned",
        nothing,
        "behaviour",
        "as income rises",
        True,
        gates(behaviour={"increasing": ["income"]}),
    ),
    Fault(
        "decisions that hang on what they must not",
        nothing,
        "behaviour",
        "Another value of debt changes",
        True,
        gates(behaviour={"invariant_to": ["debt"], "maximum_change": 0.05}),
    ),
    Fault(
        "a key of an entity in the bundle",
        nothing,
        "privacy",
        "holds 1 key of the training set",
        declared={"description": f"Will an account be late, as {FIRST}/0 was?"},
    ),
    Fault("a model that is too large", nothing, "bundle", "MB, and may have", True, gates(bundle={"maximum_megabytes": 0.01})),
    Fault("another model than was judged", evaluated(candidate=lambda rows: candidate(rows) * 0.999), "bundle", "", True),
)


def fitted(loans: Loans) -> Loans:
    for step in (train.assemble, train.fit, train.evaluate):
        step(loans.use_case, AS_OF, loans.workspace)
    return loans


def judged(loans: Loans) -> dict[str, str]:
    """Judge a candidate by every gate, and return gate -> why it did not pass."""
    reasons: dict[str, str] = {}
    for gate in train.GATES:
        try:
            train.gate(loans.use_case, AS_OF, loans.workspace, name=gate)
        except GateFailed as error:
            reasons[gate] = error.what
    return reasons


def makes_no_champion(loans: Loans) -> None:
    with pytest.raises(NightloopError):
        train.promote(loans.use_case, AS_OF, loans.workspace)
    assert champions.history(loans.workspace.ledger, NAME) == []
    assert loans.workspace.registry.alias(NAME, "champion") is None


@pytest.fixture(scope="module")
def ready(shared: Loans) -> Loans:
    """A training that passes every gate; each test changes its evaluation and puts it back."""
    assert judged(fitted(shared)) == {}
    return shared


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not fault.after], ids=lambda fault: fault.name)
def test_a_fault_of_what_was_published_is_stopped_and_makes_no_champion(loans: Loans, fault: Fault) -> None:
    loans = loans.with_(**fault.declared)
    fault.put(loans)
    try:
        reasons = judged(fitted(loans))
    except NightloopError as error:
        reasons = {"assemble": str(error)}
    assert fault.words in reasons.get(fault.stopped_by, "nothing"), reasons
    makes_no_champion(loans)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.after], ids=lambda fault: fault.name)
def test_a_fault_of_what_is_judged_is_stopped_and_makes_no_champion(ready: Loans, fault: Fault) -> None:
    fault.put(ready)
    declared = ready.with_(**fault.declared)
    try:
        reasons = judged(declared)
        assert fault.words in reasons.get(fault.stopped_by, "nothing"), reasons
        makes_no_champion(declared)
    finally:
        train.evaluate(ready.use_case, AS_OF, ready.workspace)


@pytest.mark.slow
def test_parts_of_the_split_that_overlap_are_stopped(loans: Loans, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = divide

    def overlapping(*arguments: Any) -> Slices:
        parts = whole(*arguments)
        return replace(parts, fit=Nights(parts.fit.first, parts.validate.first))

    monkeypatch.setattr(candidate_module, "divide", overlapping)
    assert "do not all follow those to fit" in judged(fitted(loans))["data"]


def values(rows: pa.Table, name: str) -> np.ndarray:
    return np.array(rows[name].to_pylist())


def auc(rows: pa.Table, name: str) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(values(rows, "label"), values(rows, name)))


def is_not_below(rows: pa.Table) -> bool:
    return auc(rows, "candidate") >= auc(rows, "baseline")


def promotes(rule: Callable[[pa.Table], bool], rows: pa.Table, *, broken: bool = False) -> bool:
    """Whether a rule would promote; one that breaks does not, unless it is open then."""
    try:
        return rule(rows)
    except ValueError:  # of scikit-learn: scores that are no numbers
        return broken


TEMPLATES: dict[str, Callable[[pa.Table], bool]] = {
    "whatever was trained": lambda _: True,
    "AUC at least 0.6": lambda rows: auc(rows, "candidate") >= 0.6,
    "accuracy at least 0.6": lambda rows: bool(np.mean(values(rows, "decision") == values(rows, "label")) >= 0.6),
    "AUC not below the rival's": is_not_below,
    "the same, and promoted where judging breaks": lambda rows: promotes(is_not_below, rows, broken=True),
}
"""What others promote by: the rules of public templates, as functions of what is judged."""


@pytest.mark.slow
def test_the_table_of_the_docs_is_what_the_rules_of_templates_do_with_the_same_faults(ready: Loans) -> None:
    page = (REPOSITORY / "docs" / "gates.md").read_text()
    missed = dict.fromkeys(TEMPLATES, 0)
    after = [fault for fault in FAULTS if fault.after and not fault.declared]
    for fault in after:
        fault.put(ready)
        rows = ready.workspace.lake.read(f"{NAME}/evaluation", Nights(AS_OF, AS_OF))
        train.evaluate(ready.use_case, AS_OF, ready.workspace)
        for name, rule in TEMPLATES.items():
            missed[name] += promotes(rule, rows)
    lines = [f"| {name} | {count} of {len(after)} |" for name, count in missed.items()]
    assert [line for line in lines if line not in page] == []


def test_the_catalogue_of_the_docs_is_this_one() -> None:
    page = (REPOSITORY / "docs" / "gates.md").read_text()
    lines = [f"| {fault.name} | {fault.stopped_by} |" for fault in FAULTS]
    assert [line for line in lines if line not in page] == []
