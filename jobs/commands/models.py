"""The commands explain and reproduce: what made an answer, and whether a model is what it was."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from jobs.console import output
from jobs.explain import Explanation, explain, scored_row
from jobs.lime_explanations import LimeExplanation, explain_by_lime
from nightloop.definitions import load_use_case
from nightloop.nights import parse_night
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

DIFFERS = 1  # the exit code of a model that is not what was registered
BAR = 20  # characters of the longest bar


def run_explain(options: argparse.Namespace) -> int:
    """Print what made one answer."""
    workspace = Workspace.open(load_settings())
    use_case, night = load_use_case(options.use_case, workspace.settings.definitions), parse_night(options.night)
    row = scored_row(use_case, night, options.entity, workspace)
    explanation = explain(use_case, night, row)
    lime = explain_by_lime(row) if options.method == "lime" else None
    if options.json:
        answer = explanation.as_json() | ({"lime": lime.as_json()} if lime else {})
        print(json.dumps(answer, ensure_ascii=False, default=str))  # noqa: T201 - the command's answer
    else:
        for line in [*explanation_lines(explanation), *(lime_lines(lime) if lime else ())]:
            output.print(line, markup=False)
    return 0


def explanation_lines(of: Explanation) -> Iterator[str]:
    """Say what was answered, and what each feature added to it, with bars."""
    entity = ", ".join(f"{name} {value}" for name, value in of.entity.items())
    answer = ", ".join(f"{name} {_short(value)}" for name, value in of.answer.items() if value is not None)
    yield f"{of.use_case}, night {of.night}, {entity}: {answer} (version {of.version})"
    yield f"  contributions in {of.unit}:"
    largest = max((abs(item.effect) for item in of.contributions), default=0.0) or 1.0
    width = max(len(item.feature) for item in of.contributions)
    yield f"  {of.base:+9.4f}  {'':{BAR}}  {'(base)':{width}}  what the model says of no row in particular"
    for item in of.contributions:
        bar = ("+" if item.effect > 0 else "-") * round(abs(item.effect) / largest * BAR)
        value = "missing" if item.value is None else f"{item.value:.6g}"
        yield f"  {item.effect:+9.4f}  {bar:{BAR}}  {item.feature:{width}}  {item.text} ({value})"
    verb = "add up to" if of.adds_up else "DO NOT add up to"
    yield f"  {of.total:+9.4f}  base and contributions {verb} the margin {of.margin:+.4f}"


def lime_lines(of: LimeExplanation) -> Iterator[str]:
    """Say what LIME answers, and how far its draws agree."""
    mean, spread = of.weights.mean(axis=0), of.weights.std(axis=0, ddof=1)
    order = sorted(range(len(of.features)), key=lambda place: -abs(mean[place]))
    seeds, width = len(of.weights), max(map(len, of.features))
    yield f"LIME, {seeds} seeds: mean weight on the prediction, and its standard deviation over the seeds"
    for place in order:
        yield f"  {mean[place]:+9.4f}  ± {spread[place]:.4f}  {of.features[place]:{width}}"
    first = f"{of.same_first} of {seeds} name the same feature first"
    yield f"  rank agreement of the seeds {of.agreement:.2f} (1: one order); {first}"
    yield f"  its linear models explain {min(of.fit):.0%} to {max(of.fit):.0%} of their neighbours; contributions are exact"
    if of.filled:
        yield f"  missing, and given the night's median, for LIME takes none: {', '.join(of.filled)}"


def _short(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def run_reproduce(options: argparse.Namespace) -> int:
    """Train a version again, print what is equal, and return 0 where the model is."""
    from jobs.upkeep.reproduce import reproduce  # XGBoost and scikit-learn, which no other command here needs

    workspace = Workspace.open(load_settings())
    again = reproduce(load_use_case(options.use_case, workspace.settings.definitions), options.version, workspace)
    if options.json:
        print(json.dumps(again.as_json()))  # noqa: T201 - the command's answer
    else:
        for line in again.lines():
            output.print(line, markup=False)
    return 0 if again.same_model else DIFFERS
