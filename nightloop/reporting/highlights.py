"""What in a week needs a person's attention, in sentences, most severe first; each stands on a row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring.metrics_table import OF_NIGHT, RESTATED
from nightloop.nights import Night
from nightloop.reporting.week import Value, Week

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase


@dataclass(frozen=True)
class Highlight:
    """One sentence, and how severe it is."""

    severity: Literal["bad", "warn", "good"]
    text: str


def highlights(week: Week, use_case: UseCase) -> list[Highlight]:
    """Return what to look at; one good sentence if there is nothing."""
    of_model = (*_restated(week), *_scores(week, use_case))
    sentences = [*_missing(week, use_case), *_verdicts(week), *_decisions(week), *of_model, *_volume(week), *_alerts(week)]
    sentences.sort(key=lambda highlight: highlight.severity != "bad")
    return sentences or [Highlight("good", "Nothing asks for attention: every night was monitored, and no verdict failed.")]


def join_nights(nights: Sequence[Night | str]) -> str:
    """Return nights in a sentence: 2013-04-01, 2013-04-02 and 2013-04-05."""
    names = [str(night) for night in nights]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def money(worth: Value, currency: str) -> str:
    """Write an amount with its interval and the rows it stands on: 1,240 EUR (980 to 1,500; 3,400 rows)."""
    reach = "" if worth.low is None or worth.high is None else f"{worth.low:,.0f} to {worth.high:,.0f}; "
    return f"{worth.value:,.0f} {currency} ({reach}{worth.n:,} rows)"


def _missing(week: Week, use_case: UseCase) -> Iterator[Highlight]:
    """Name the nights of the use case that were not monitored; none before its first or after its last is missed."""
    first, last = use_case.first_night, use_case.last_night or week.nights.last
    missing = [line.night for line in week.lines if not line.monitored and first <= line.night <= last]
    if missing:
        was, them = ("was", "it") if len(missing) == 1 else ("were", "them")
        yield Highlight("bad", f"{join_nights(missing)} {was} not monitored: no figure of this page includes {them}.")


def _verdicts(week: Week) -> Iterator[Highlight]:
    for kind, name in (("performance", "Realised performance"), ("drift", "Drift")):
        failed = [line for line in week.monitored if line.decision[f"{kind}_verdict"] == "fail"]
        if failed:
            reason = failed[-1].decision[f"{kind}_reason"]
            yield Highlight("bad", f"{name} failed on {join_nights([line.night for line in failed])}. Last: {reason}")
        unknown = [line for line in week.monitored if line.decision[f"{kind}_verdict"] == "not_enough_evidence"]
        if unknown:
            reason = unknown[-1].decision[f"{kind}_reason"]
            yield Highlight("warn", f"{name} could not be judged on {join_nights([line.night for line in unknown])}: {reason}")


def _decisions(week: Week) -> Iterator[Highlight]:
    for line in week.monitored:
        if line.decision["decision"] == "retrain":
            yield Highlight("warn", f"{line.night} asked for a retrain: {line.decision['reason']}")
        if line.decision["decision"] == "ask":
            yield Highlight("bad", f"{line.night} asks a person: {line.decision['reason']}")


def _restated(week: Week) -> Iterator[Highlight]:
    """One sentence for all nights: outcomes that come late are a matter of course for some sources."""
    counts = [
        (group.removeprefix(OF_NIGHT), count.value)
        for line in week.monitored
        for (metric, group), count in line.figures.items()
        if metric == f"{RESTATED}outcomes"
    ]
    if counts:
        outcomes, nights = sum(count for _, count in counts), sorted({night for night, _ in counts})
        what = f"{outcomes:,.0f} outcomes of {join_nights(nights)} were corrected after they matured"
        yield Highlight("warn", f"Restated: {what}; the realised figures stand on the newest.")


def _scores(week: Week, use_case: UseCase) -> Iterator[Highlight]:
    brier, base = week.last.figure("pooled_brier"), week.last.figure("pooled_base_rate_brier")
    if brier and base and brier.value >= base.value:
        yield Highlight(
            "bad", f"Scores were no better than predicting the base rate: Brier {brier.value:.4f} against {base.value:.4f}."
        )
    answers = metric_set_for(use_case).answers
    bias = week.last.figure("pooled_calibration_bias") or week.last.figure("pooled_bias")
    if bias and bias.low is not None and bias.high is not None and (bias.low > 0 or bias.high < 0):
        direction = "too high" if bias.value > 0 else "too low"
        subject = "Predictions" if answers == "prediction" else "Probabilities"
        yield Highlight(
            "warn", f"{subject} are {direction}: by {abs(bias.value):.3f} on average ({_between(bias)}, n = {bias.n:,})."
        )
    yield from _money(week, use_case)
    yield from _fairness(week, use_case)


def _money(week: Week, use_case: UseCase) -> Iterator[Highlight]:
    """Say where answers cost more than they gain; what they were worth otherwise stands on the page."""
    worth = week.last.figure("pooled_value")
    if use_case.value and worth and worth.value < 0:
        shown = worth.high is not None and worth.high < 0
        amount = money(worth, use_case.value.currency)
        yield Highlight(
            "bad" if shown else "warn", f"To decide nothing would have been better: the answers were worth {amount}."
        )


def _fairness(week: Week, use_case: UseCase) -> Iterator[Highlight]:
    gate = use_case.gates.fairness
    if gate.metric is None or gate.maximum is None:
        return
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
            rate = gate.metric.removesuffix("_difference").replace("_", " ")
            yield Highlight(
                "bad", f"The {rate} of {most} is {gap:.3f} above that of {least}; the gate allows {gate.maximum:g}."
            )


def _volume(week: Week) -> Iterator[Highlight]:
    for line in week.monitored:
        quarantined = line.figure("rows_quarantined")
        if quarantined and quarantined.value and line.rows_in and quarantined.value / (line.rows_in + quarantined.value) > 0.01:  # noqa: PLR2004
            yield Highlight(
                "warn", f"{quarantined.value:,.0f} records of {line.night} were quarantined ({line.rows_in:,} were taken in)."
            )


def _alerts(week: Week) -> Iterator[Highlight]:
    undelivered = [item for item in week.events if item.kind == "alert not delivered"]
    if undelivered:
        yield Highlight(
            "warn",
            f"Alerts were not delivered on {join_nights(sorted({item.night for item in undelivered}))}: {undelivered[-1].text}",
        )


def _between(value: Value) -> str:
    return f"{value.low:.3f} to {value.high:.3f}"
