"""Write the model card: what a model is for, what it was made from, how good and how fair it is, and its limits.

After Mitchell et al. 2019, "Model cards for model reporting", and Annex IV of Regulation (EU) 2024/1689; ``card_checklists``
says which section answers what. Markdown, from facts alone: the same training writes the same card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nightloop.errors import command
from nightloop.evidence.fairness.fairness import is_ratio
from nightloop.model.spec import Training
from nightloop.model.training import card_statements as statements
from nightloop.model.training.card_checklists import answered_in
from nightloop.model.training.card_text import CHANGES, GATES, LATER, MARGIN, OVERSIGHT, datasheet_page, table
from nightloop.wording import counted, natural_order

if TYPE_CHECKING:
    from nightloop.definitions.gates import FairnessGate
    from nightloop.definitions.use_case import UseCase
    from nightloop.evidence.verdict import Figure, Verdict
    from nightloop.promotion.verdicts import Judged

    Judgement = Verdict | Judged

CALIBRATION = "Calibration"
SEARCH = "Search for parameters"
EXPLANATIONS = "Explanations"
PERFORMANCE = "Performance on the validation nights"
HEAD_OF_FIGURES = ("metric", "value", "95 % interval", "rows")


def render(
    use_case: UseCase,
    training: Training,
    *,
    candidates: Mapping[str, Sequence[Figure]],
    chosen: str,
    rows: Mapping[str, int],
    search: str = "",
    calibration: Sequence[str] = (),
    slices: Sequence[Figure] = (),
    explanations: str = "",
    mitigation: str = "",
    limits: Sequence[str] = (),
) -> str:
    """Return the card as it stands in the bundle; ``card_text.completed`` adds what is known later.

    Args:
        use_case: what it is for, whose it is, its features.
        training: where it comes from.
        candidates: name -> figures on the validation nights; those of a group carry its name and stand under fairness.
        chosen: the candidate that is in the bundle.
        rows: how many rows were used, by part (fit, calibrate, validate).
        search: the trials for its parameters, as Markdown; nothing where there were none.
        calibration: what there is to say of it, as blocks of Markdown.
        slices: figures of the chosen one on parts of the validation rows.
        explanations: which features move its answers, as Markdown.
        mitigation: which methods treat groups more alike and which was taken, as Markdown; empty where none is declared.
        limits: what a reader must know besides what holds for every model.
    """
    overall = [(name, figure) for name, figures in candidates.items() for figure in figures if figure.group == "all"]
    by_group = sorted((of for of in candidates[chosen] if of.group != "all"), key=lambda of: natural_order(of.group))
    groups = [(figure.group, figure) for figure in by_group]
    fairness, measured = _fairness(use_case.gates.fairness, groups)
    sections = {
        "Model details": table(("", ""), _facts(use_case, training)),
        "Intended use": statements.intended_use(use_case),
        "Out of scope": statements.out_of_scope(use_case),
        "Data": _data(use_case, training, rows),
        "Features": statements.features(use_case),
        "Metrics": statements.metrics(use_case),
        PERFORMANCE: figures_table("candidate", overall),
        **({SEARCH: search} if search else {}),
        CALIBRATION: "\n\n".join(calibration) or "Its figures stand among those above.",
        "Slices": figures_table("part of the rows", [(figure.group, figure) for figure in slices]) if slices else NO_SLICES,
        fairness: measured,
        **({"Mitigation": mitigation} if mitigation else {}),
        EXPLANATIONS: explanations or "Not explained over all; each answer carries its reasons.",
        GATES: LATER[GATES],
        MARGIN: f"{statements.margin(use_case)}\n\n{LATER[MARGIN]}",
        OVERSIGHT: f"{statements.oversight(use_case)}\n\n{LATER[OVERSIGHT]}",
        CHANGES: LATER[CHANGES],
        "Monitoring": statements.monitoring(use_case),
        "Ethical considerations": statements.ethics(use_case),
        "Limits": statements.limits(use_case, tuple(limits)),
        "How to make it again": _again(use_case, training),
        "Where the checklists are answered": answered_in(),
    }
    parts = [f"# {use_case.use_case}: {chosen}, as of {training.as_of}", use_case.description]
    return "\n\n".join([*parts, *(f"## {heading}\n\n{body}" for heading, body in sections.items())]) + "\n"


NO_SLICES = "No part of the rows is large enough to be measured by itself."


def _fairness(gate: FairnessGate, groups: Sequence[tuple[str, Figure]]) -> tuple[str, str]:
    """Return the heading and what is judged by group, with which limits, and the figures; or why nothing is."""
    if gate.none_because:
        return "Fairness", f"No fairness gate applies: {gate.none_because}"
    (metric, maximum), *others = gate.bounds.items()
    limits = [f"The gate looks at {metric.replace('_', ' ')}; it may be {maximum:g} at most."]
    limits += [
        f"{measure.replace('_', ' ').capitalize()} {'must be' if is_ratio(measure) else 'may be'} {limit:g} "
        f"at {'least' if is_ratio(measure) else 'most'}."
        for measure, limit in others
    ]
    if gate.crossed:
        limits.append(f"All of it also by {', '.join(' x '.join(names) for names in gate.crossed)}.")
    by = ", ".join(gate.columns)
    measured = figures_table(by, groups) if groups else "No group was measured."
    return f"Fairness by {by}", f"{' '.join(limits)}\n\n{measured}"


def verdicts_table(verdicts: Sequence[Judgement]) -> str:
    """Return what the gates said: margin and budget are in their reasons."""
    lines = [(verdict.gate, verdict.outcome.replace("_", " "), verdict.reason) for verdict in verdicts]
    return table(("gate", "verdict", "reason"), lines)


def _facts(use_case: UseCase, training: Training) -> list[tuple[str, str]]:
    parameters = ", ".join(f"`{name}: {value}`" for name, value in use_case.model.candidate[1].items())
    return [
        ("owner", use_case.owner),
        ("risk", use_case.risk),
        ("task", use_case.model.task),
        ("parameters", parameters or "the defaults of Nightloop"),
        ("label", use_case.label.description),
        ("known after", counted(use_case.label.matures_after)),
        ("decision", statements.decision(use_case)),
        ("as of", f"{training.as_of}: nothing known later was used"),
        ("definition", f"`{training.definition_digest[:12]}`"),
        ("code", f"`{training.code_version}`"),
        ("training", f"`{training.training_key[:12]}`"),
    ]


def _data(use_case: UseCase, training: Training, rows: Mapping[str, int]) -> str:
    parts = {"fit": training.fit, "calibrate": training.calibrate, "validate": training.validate}
    nights = [(name, str(nights), f"{rows[name]:,}" if name in rows else "") for name, nights in parts.items()]
    versions = [(name, str(training.data_versions[name])) for name in sorted(training.data_versions)]
    return "\n\n".join(
        [
            table(("part", "nights", "rows"), nights),
            table(("data set", "version"), versions),
            statements.sources(use_case),
            f"The [datasheet]({datasheet_page(training.as_of)}) of the training set tells more.",
        ]
    )


def _again(use_case: UseCase, training: Training) -> str:
    train = command("train", use_case.use_case, training.as_of)
    return f"With code version `{training.code_version}` and the data versions above:\n\n```\n{train}\n```"


def figures_table(first: str, named: Sequence[tuple[str, Figure]]) -> str:
    """Return figures with their intervals and rows, each under the name of what it is of."""
    lines = [
        (name, figure.metric.replace("_", " "), f"{figure.value:.4f}", interval(figure.low, figure.high), f"{figure.n:,}")
        for name, figure in named
    ]
    return table((first, *HEAD_OF_FIGURES), lines)


def interval(low: float | None, high: float | None) -> str:
    """Return an interval in words; nothing where there is none."""
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"
