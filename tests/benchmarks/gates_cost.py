"""What judging a million validation rows costs: every gate on arrays, the card, and the same gaps by Fairlearn."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np

from nightloop.definitions.gates import CalibrationGate, DataGate, FairnessGate, PerformanceGate
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.fairness.contrasts import DRAWS
from nightloop.evidence.fairness.fairness import assess
from nightloop.evidence.fairness.group_counts import groupings
from nightloop.evidence.gates import gates
from nightloop.evidence.gates.training_data import TrainingRows, judge_data
from nightloop.evidence.metric_sets import BINARY
from nightloop.model.spec import Training
from nightloop.model.training import card
from nightloop.nights import Nights
from tests.benchmarks.document import table
from tests.jobs.conftest import definition

TITLE = "Gates and card: one million validation rows"
ROWS, FEATURES, GROUPS, NIGHTS, FAIRLEARN_DRAWS = 1_000_000, 40, 10, 28, 3
FIRST = date(2024, 1, 1)
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
FAIRNESS = FairnessGate(
    group="region",
    metric="selection_rate_difference",
    maximum=0.2,
    limits={"true_positive_rate_difference": 0.2, "false_positive_rate_difference": 0.2, "calibration_bias": 0.1},
)


def measure() -> str:
    """Return the section: measured in a process of its own, whose memory is this benchmark's alone."""
    ended = subprocess.run([sys.executable, "-m", "tests.benchmarks.gates_cost"], capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    total, parts = measured["total"], measured["parts"]
    ours, theirs = measured["ours"], measured["theirs"] / FAIRLEARN_DRAWS * DRAWS
    memory = measured["memory"]
    lines = [[name, f"{seconds:.2f} s"] for name, seconds in parts.items()]
    head = (
        f"{ROWS:,} rows of {NIGHTS} nights, {FEATURES} features, {GROUPS} groups, {DRAWS:,} draws. Gates and card together: "
        f"**{total:.1f} s** (target: at most 60 s), largest memory {memory:.2f} GiB, the rows included (target: at most 2 GiB)."
    )
    against = (
        f"The largest differences of {', '.join(RATES).replace('_', ' ')} between the groups, {DRAWS:,} draws: "
        f"ours {ours:.2f} s. "
        f"Fairlearn's MetricFrame, {FAIRLEARN_DRAWS} draws: {measured['theirs']:.1f} s, so {theirs:,.0f} s for as many, "
        f"**{theirs / ours:,.0f} times** as long (target: 20 times). "
        f"Both give the same differences, to {measured['apart']:.0e}; Fairlearn draws rows, we draw nights."
    )
    return f"{head}\n\n{table(['part', 'time'], [*lines, ['together', f'{total:.2f} s']])}\n\n{against}"


def rows() -> tuple[Evaluation, np.ndarray]:
    """Return an evaluation of a million rows, and their features."""
    random = np.random.default_rng(7)
    place = np.arange(ROWS) * NIGHTS // ROWS
    night = np.datetime64(FIRST) + place
    matrix = random.standard_normal((ROWS, FEATURES))
    margin = matrix[:, 0] + 0.5 * matrix[:, 1] - 2
    label = random.random(ROWS) < 1 / (1 + np.exp(-margin))
    predictions = [1 / (1 + np.exp(-(margin + random.normal(0, wrong, ROWS)))) for wrong in (0.2, 0.6, 0.3)]
    group = np.array([f"region {number}" for number in range(GROUPS)])[random.integers(0, GROUPS, ROWS)]
    decision = predictions[0] >= 0.2
    return Evaluation(night, label, *predictions, group, decision, BINARY, champion_version=1), matrix


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call takes, and what it returns."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def gates_and_card(evaluation: Evaluation, matrix: np.ndarray) -> dict[str, float]:
    """Return the seconds of each part."""
    nights = Nights(FIRST, FIRST + timedelta(days=NIGHTS - 1))
    days = list(nights)
    split = {"fit": Nights(days[0], days[9]), "calibrate": Nights(days[10], days[13]), "validate": Nights(days[14], days[-1])}
    names = tuple(f"f{number}" for number in range(FEATURES))
    published = dict.fromkeys(days, ROWS // NIGHTS)
    training_rows = TrainingRows(evaluation.night, matrix, names, published, split, nights.last)
    parts = {
        "gate data": timed(lambda: judge_data(training_rows, DataGate()))[0],
        "gate performance": timed(lambda: gates.performance(evaluation, PerformanceGate(over_baseline=0.0)))[0],
        "gate calibration": timed(lambda: gates.calibration(evaluation, CalibrationGate()))[0],
        "gate fairness": timed(lambda: gates.fairness(evaluation, FAIRNESS))[0],
    }
    parts["card"] = timed(lambda: write_card(evaluation, names, split))[0]
    return parts


def write_card(evaluation: Evaluation, names: tuple[str, ...], split: dict[str, Nights]) -> None:
    """Measure candidate, baseline and champion, and render the card."""
    feature = {name: {"kind": "expression", "expression": "income", "description": name} for name in names}
    use_case = UseCase.model_validate(definition(features=feature))
    models = {"xgboost": evaluation.candidate, "logistic_regression": evaluation.baseline, "champion": evaluation.champion}
    figures = {name: BINARY.all_figures(evaluation.label, of, evaluation.night) for name, of in models.items()}
    figures["xgboost"] += gates.assessed(evaluation, FAIRNESS).figures
    training = Training(
        split["validate"].last, **split, definition_digest="d", code_version="1", data_versions={}, training_key="k"
    )
    card.render(use_case, training, candidates=figures, chosen="xgboost", rows={"validate": ROWS})


def beside_fairlearn(evaluation: Evaluation) -> dict[str, float]:
    """Return the seconds of the same gaps by us and by Fairlearn, and how far the figures lie apart."""
    from fairlearn import metrics

    measures = [f"{rate}_difference" for rate in RATES]
    means = {rate: BINARY.group_mean(rate, evaluation.label, evaluation.candidate, evaluation.decision) for rate in RATES}
    ours, assessment = timed(
        lambda: assess(means, measures, groupings({"region": evaluation.group}), evaluation.night, draws=DRAWS)
    )
    theirs, differences = timed(
        lambda: metrics.MetricFrame(
            metrics={rate: getattr(metrics, rate) for rate in RATES},
            y_true=evaluation.label,
            y_pred=evaluation.decision,
            sensitive_features=evaluation.group,
            n_boot=FAIRLEARN_DRAWS,
            ci_quantiles=[0.025, 0.975],
            random_state=1,
        ).difference()
    )
    gaps = {comparison.measure: comparison.gap.value for comparison in assessment.comparisons}
    apart = max(abs(gaps[f"{rate}_difference"] - differences[rate]) for rate in RATES)
    assert apart < 1e-9, "the figures differ"
    return {"ours": ours, "theirs": theirs, "apart": max(float(apart), 1e-17)}


def main() -> None:
    """Print what was measured as the last line."""
    evaluation, matrix = rows()
    parts = gates_and_card(evaluation, matrix)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    measured = {"parts": parts, "total": sum(parts.values()), "memory": memory, **beside_fairlearn(evaluation)}
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
