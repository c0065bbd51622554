"""Write what people read of a training: the model card, and plots for the tracking server.

The card tells what the model is for, what it was made from, how good and how fair it is, and its limits, after Mitchell et al.
2019, "Model cards for model reporting". Markdown, from facts alone: the same training writes the same card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import command
from nightloop.evidence.fairness.fairness import is_ratio
from nightloop.evidence.reliability import reliability
from nightloop.model.spec import Training

if TYPE_CHECKING:
    from xgboost import Booster

    from nightloop.definitions.gates import FairnessGate
    from nightloop.definitions.use_case import UseCase
    from nightloop.evidence.metric_set import MetricSet
    from nightloop.evidence.verdict import Figure, Verdict
    from nightloop.promotion.verdicts import Judged

    Judgement = Verdict | Judged

Floats = NDArray[np.float64]
FEATURES_SHOWN = 20
NOT_JUDGED = "Judged after this card was written; the verdicts stand in the ledger."
LIMITS = (
    "A {answer} is meant for rows like those of the nights named here; the monitor tells when they no longer are.",
    "A reason names what moved this model's answer, not what causes the outcome.",
)


def render(
    use_case: UseCase,
    training: Training,
    *,
    candidates: Mapping[str, Sequence[Figure]],
    chosen: str,
    rows: Mapping[str, int],
    calibration: Sequence[str] = (),
    verdicts: Sequence[Verdict] = (),
    limits: Sequence[str] = (),
) -> str:
    """Return the card.

    Args:
        use_case: what it is for, whose it is, its features.
        training: where it comes from.
        candidates: name -> figures on the validation nights; those of a group carry its name and stand under fairness.
        chosen: the candidate that is in the bundle.
        rows: how many rows were used, by part (fit, calibrate, validate).
        calibration: what there is to say of it, as blocks of Markdown.
        verdicts: of the gates, where they are known.
        limits: what a reader must know besides what holds for every model.
    """
    overall = [(name, figure) for name, figures in candidates.items() for figure in figures if figure.group == "all"]
    groups = [(figure.group, figure) for figure in candidates[chosen] if figure.group != "all"]
    parts = [
        f"# {use_case.use_case}: {chosen}, as of {training.as_of}",
        use_case.description,
        table(("", ""), _facts(use_case, training)),
        "## Data",
        table(("part", "nights", "rows"), _nights(training, rows)),
        table(("data set", "version"), [(name, str(training.data_versions[name])) for name in sorted(training.data_versions)]),
        "## Performance on the validation nights",
        _figures("candidate", overall),
        *(["## Calibration", *calibration] if calibration else []),
        *_fairness(use_case.gates.fairness, groups),
        "## Gates",
        _verdicts(verdicts) if verdicts else NOT_JUDGED,
        "## Features",
        table(("feature", "unit", "range", "what it is"), _features(use_case)),
        "## Limits",
        "\n".join(f"- {limit}" for limit in (*_limits(use_case), *limits)),
        "## How to make it again",
        f"With code version `{training.code_version}` and the data versions above:",
        f"```\n{command('train', use_case.use_case, training.as_of)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _fairness(gate: FairnessGate, groups: Sequence[tuple[str, Figure]]) -> list[str]:
    """Return what is judged by group, with which limits, and the figures; or why nothing is."""
    if gate.none_because:
        return ["## Fairness", f"No fairness gate applies: {gate.none_because}"]
    (metric, maximum), *others = gate.bounds.items()
    limits = [f"The gate looks at {metric.replace('_', ' ')}; it may be {maximum:g} at most."]
    limits += [
        f"{measure.replace('_', ' ').capitalize()} {'must be' if is_ratio(measure) else 'may be'} {limit:g} "
        f"at {'least' if is_ratio(measure) else 'most'}."
        for measure, limit in others
    ]
    if gate.crossed:
        limits.append(f"All of it also by {', '.join(' x '.join(names) for names in gate.crossed)}.")
    heading = ", ".join(gate.columns)
    return [f"## Fairness by {heading}", " ".join(limits), _figures(heading, groups) if groups else "No group was measured."]


def with_verdicts(card: str, verdicts: Sequence[Judgement]) -> str:
    """Return a card that was written before the gates judged, with what they said: margin and budget are in their reasons."""
    return card.replace(NOT_JUDGED, _verdicts(verdicts)) if verdicts else card


def _verdicts(verdicts: Sequence[Judgement]) -> str:
    lines = [(verdict.gate, verdict.outcome.replace("_", " "), verdict.reason) for verdict in verdicts]
    return table(("gate", "verdict", "reason"), lines)


def _facts(use_case: UseCase, training: Training) -> list[tuple[str, str]]:
    return [
        ("owner", use_case.owner),
        ("risk", use_case.risk),
        ("label", use_case.label.description),
        ("known after", f"{use_case.label.matures_after} nights"),
        ("decision", _decision(use_case)),
        ("as of", f"{training.as_of}: nothing known later was used"),
        ("definition", f"`{training.definition_digest[:12]}`"),
        ("code", f"`{training.code_version}`"),
        ("training", f"`{training.training_key[:12]}`"),
    ]


def _decision(use_case: UseCase) -> str:
    model = use_case.model
    if model.task == "multiclass":
        return f"none; the most probable of {', '.join(model.classes)} is told"
    if model.decision_threshold is None:
        return "none; the prediction is told"
    answer = "probability" if model.task == "binary" else "prediction"
    return f"positive from a {answer} of {model.decision_threshold:g} on"


def _limits(use_case: UseCase) -> tuple[str, ...]:
    answer = "prediction" if use_case.model.task == "regression" else "probability"
    return tuple(limit.format(answer=answer) for limit in LIMITS)


def _nights(training: Training, rows: Mapping[str, int]) -> list[tuple[str, str, str]]:
    parts = {"fit": training.fit, "calibrate": training.calibrate, "validate": training.validate}
    return [(name, str(nights), f"{rows[name]:,}" if name in rows else "") for name, nights in parts.items()]


def _features(use_case: UseCase) -> list[tuple[str, ...]]:
    return [
        (
            name,
            feature.unit or "",
            f"{feature.range[0]:g} to {feature.range[1]:g}" if feature.range else "",
            feature.description + (" Personal data." if feature.personal else ""),
        )
        for name, feature in use_case.features.items()
    ]


def _figures(first: str, named: Sequence[tuple[str, Figure]]) -> str:
    lines = [
        (name, figure.metric.replace("_", " "), f"{figure.value:.4f}", _interval(figure), f"{figure.n:,}")
        for name, figure in named
    ]
    return table((first, "metric", "value", "95 % interval", "rows"), lines)


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.4f} to {figure.high:.4f}"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows)


def draw_plots(
    folder: Path,
    *,
    label: NDArray[Any],
    night: NDArray[Any],
    predictions: Mapping[str, Floats],
    model: Booster,
    metric_set: MetricSet,
) -> dict[str, Path]:
    """Write calibration.png, importance.png and, of a binary model, roc.png into ``folder`` and return them by name.

    Args:
        folder: where to.
        label, night: (n,) of the validation rows.
        predictions: (n,) or (n, c) each, by the model's name.
        model: the trees, whose gain by feature is drawn.
        metric_set: of the task.
    """
    folder.mkdir(parents=True, exist_ok=True)
    roc = {"roc": _save(folder / "roc.png", _roc(label, predictions))} if metric_set.metric == "auc" else {}
    return {
        **roc,
        "calibration": _save(folder / "calibration.png", _calibration(label, night, predictions, metric_set)),
        "importance": _save(folder / "importance.png", _importance(model)),
    }


def _canvas(title: str, x: str, y: str) -> tuple[Any, Any]:
    # Not pyplot: it keeps figures in a registry of the process, and picks a screen to draw on.
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6, 5), dpi=110, layout="constrained")
    axes = canvas.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return canvas, axes


def _roc(label: NDArray[np.bool_], predictions: Mapping[str, Floats]) -> Any:
    canvas, axes = _canvas("Order of the validation rows", "false positive rate", "true positive rate")
    for name, prediction in predictions.items():
        ordered = label[np.argsort(-prediction, kind="stable")]
        true, false = np.cumsum(ordered), np.cumsum(~ordered)
        axes.plot(np.append(0, false / max(false[-1], 1)), np.append(0, true / max(true[-1], 1)), label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="a coin")
    axes.legend()
    return canvas


def _calibration(label: NDArray[Any], night: NDArray[Any], predictions: Mapping[str, Floats], metric_set: MetricSet) -> Any:
    unit = {"auc": "share of positive rows", "mae": "mean label"}.get(metric_set.metric, "share of rows that were right")
    canvas, axes = _canvas("Predicted and observed, 95 % by night", f"mean {metric_set.answers}", unit)
    least, most = (0.0, 1.0) if metric_set.answers == "probability" else (np.inf, -np.inf)
    for name, prediction in predictions.items():
        predicted, observed = metric_set.predicted_and_observed(label, prediction)
        bins = reliability(observed, predicted, night, within=metric_set.bounds("calibration_seen"))
        x, y, reach = [item.predicted for item in bins], [item.observed for item in bins], [item.reach for item in bins]
        axes.errorbar(x, y, yerr=np.transpose(reach), marker="o", capsize=3, label=name)
        least, most = min(least, *x), max(most, *x)
    axes.plot([least, most], [least, most], color="grey", linestyle=":", label="perfect")
    axes.legend()
    return canvas


def _importance(model: Booster) -> Any:
    canvas, axes = _canvas("What the trees gained from", "mean gain", "")
    gains = sorted(model.get_score(importance_type="gain").items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    axes.barh([name for name, _ in gains], [gain for _, gain in gains])
    return canvas


def _save(path: Path, canvas: Any) -> Path:
    canvas.savefig(path, format="png")
    return path
