"""Say in words what in a week asks for a person's eye, gravest first; nothing is said that has no row behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night
from nightloop.reporting.week import Value, Week

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase


@dataclass(frozen=True)
class Remark:
    """One sentence, and how grave it is."""

    weight: Literal["bad", "warn", "good"]
    text: str


def remarks(week: Week, use_case: UseCase) -> list[Remark]:
    """Return what to look at; one good remark if there is nothing."""
    found = [*_missing(week), *_verdicts(week), *_decisions(week), *_scores(week, use_case), *_volume(week), *_alerts(week)]
    found.sort(key=lambda remark: remark.weight != "bad")
    return found or [Remark("good", "Nothing asks for attention: every night was monitored, and no verdict failed.")]


def listed(nights: list[Night]) -> str:
    """Name nights in words: 2013-04-01, 2013-04-02 and 2013-04-05."""
    names = [str(night) for night in nights]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _missing(week: Week) -> Iterator[Remark]:
    missing = [line.night for line in week.lines if not line.monitored]
    if missing:
        was, them = ("was", "it") if len(missing) == 1 else ("were", "them")
        yield Remark("bad", f"{listed(missing)} {was} not monitored: no figure of this page includes {them}.")


def _verdicts(week: Week) -> Iterator[Remark]:
    for kind, name in (("performance", "Realised performance"), ("drift", "Drift")):
        failed = [line for line in week.monitored if line.decision[f"{kind}_verdict"] == "fail"]
        if failed:
            reason = failed[-1].decision[f"{kind}_reason"]
            yield Remark("bad", f"{name} failed on {listed([line.night for line in failed])}. Last: {reason}")
        unknown = [line for line in week.monitored if line.decision[f"{kind}_verdict"] == "not_enough_evidence"]
        if unknown:
            reason = unknown[-1].decision[f"{kind}_reason"]
            yield Remark("warn", f"{name} could not be judged on {listed([line.night for line in unknown])}: {reason}")


def _decisions(week: Week) -> Iterator[Remark]:
    for line in week.monitored:
        if line.decision["decision"] == "retrain":
            yield Remark("warn", f"{line.night} asked for a retrain: {line.decision['reason']}")


def _scores(week: Week, use_case: UseCase) -> Iterator[Remark]:
    brier, base = week.last.figure("pooled_brier"), week.last.figure("pooled_base_rate_brier")
    if brier and base and brier.value >= base.value:
        yield Remark(
            "bad", f"Scores were no better than saying the base rate: Brier {brier.value:.4f} against {base.value:.4f}."
        )
    answers = metric_set_for(use_case).answers
    bias = week.last.figure("pooled_calibration_bias") or week.last.figure("pooled_bias")
    if bias and bias.low is not None and bias.high is not None and (bias.low > 0 or bias.high < 0):
        much = "too much" if bias.value > 0 else "too little"
        words = f"{'Predictions' if answers == 'prediction' else 'Probabilities'} say {much}"
        yield Remark("warn", f"{words}: by {abs(bias.value):.3f} on average ({_between(bias)}, n = {bias.n:,}).")
    yield from _fairness(week, use_case)


def _fairness(week: Week, use_case: UseCase) -> Iterator[Remark]:
    gate = use_case.gates.fairness
    metric = "pooled_" + gate.metric.removesuffix("_difference")
    groups = {
        group: value
        for (name, group), value in week.last.figures.items()
        if name == metric and group.startswith(f"{gate.group}=") and value.n >= gate.minimum_group_rows
    }
    if len(groups) > 1:
        most, least = max(groups, key=lambda g: groups[g].value), min(groups, key=lambda g: groups[g].value)
        gap = groups[most].value - groups[least].value
        if gap > gate.maximum:
            words = gate.metric.removesuffix("_difference").replace("_", " ")
            yield Remark("bad", f"The {words} of {most} is {gap:.3f} above that of {least}; the gate allows {gate.maximum:g}.")


def _volume(week: Week) -> Iterator[Remark]:
    for line in week.monitored:
        aside = line.figure("rows_quarantined")
        if aside and aside.value and line.rows_in and aside.value / (line.rows_in + aside.value) > 0.01:  # noqa: PLR2004
            yield Remark(
                "warn", f"{aside.value:,.0f} records of {line.night} were quarantined ({line.rows_in:,} were taken in)."
            )


def _alerts(week: Week) -> Iterator[Remark]:
    silent = [item for item in week.happenings if item.kind == "alert not delivered"]
    if silent:
        yield Remark("warn", f"Alerts reached nobody on {listed(sorted({item.night for item in silent}))}: {silent[-1].text}")


def _between(value: Value) -> str:
    return f"{value.low:.3f} to {value.high:.3f}"
