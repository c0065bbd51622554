"""The truth about a simulated portfolio: what was injected when, how far recorded labels are biased, how good a model can be.

Monitoring, gates and tests are judged against it; no stage reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.definitions.simulation import (
    DuplicateDelivery,
    Event,
    InTable,
    LateDelivery,
    SlowDrift,
)
from nightloop.nights import Night, Nights
from nightloop.sources.simulator import columns
from nightloop.sources.simulator.customers import AGE_GROUPS, SEXES
from nightloop.sources.simulator.draws import Floats
from nightloop.sources.simulator.loans import Bools, Loans
from nightloop.sources.simulator.tables import MATURES
from nightloop.sources.simulator.world import World


def truth(use_case: str, world: World, nights: Nights) -> dict[str, Any]:
    """Return what a person would have to know to judge monitoring on these nights; plain data, ready for JSON."""
    declared = world.declared
    loans = [Loans(world, night.toordinal()) for night in nights]
    return {
        "use_case": use_case,
        "seed": declared.seed,
        "scale": declared.scale,
        "loans_a_night": world.loans_a_night,
        "customers": world.customers,
        "nights": [str(nights.first), str(nights.last)],
        "events": [facts_of(event) for event in declared.events],
        "bias": _bias(world, loans),
        "best_auc": _aucs(loans),
        "groups": _groups(loans),
        "by_night": [_night(item) for item in loans],
    }


def facts_of(event: Event) -> dict[str, Any]:
    """Return an event as declared, with the first and last night on which it shows, and where."""
    first, last = event.night, _last(event)
    facts = event.model_dump(mode="json", exclude_none=True)
    facts |= {"first": str(first), "last": str(last) if last else None, "seen_in": _seen_in(event)}
    if event.kind == "concept_drift":
        facts["labels_tell_from"] = str(first + timedelta(days=MATURES))
    return facts


def _last(event: Event) -> Night | None:
    """Return the last night of an event; None where it does not end."""
    if isinstance(event, InTable | SlowDrift):
        return None if isinstance(event, SlowDrift) else event.night + timedelta(days=event.nights - 1)
    if isinstance(event, DuplicateDelivery):
        return event.night + timedelta(days=event.after)
    return event.night + timedelta(days=event.within) if isinstance(event, LateDelivery) else None


def _seen_in(event: Event) -> list[str]:
    """Name the tables (and columns) in which the event can be seen."""
    match event.kind:
        case "slow_drift" | "sudden_drift":
            drivers = {
                "amount": ["applications.amount", "repayments.amount_due"],
                "income": ["customers.income", "applications.income_stated", "applications.amount", "card_transactions.amount"],
                "spending": ["card_transactions.amount"],
            }
            return drivers[event.driver]
        case "concept_drift":
            return ["outcomes.defaulted", "repayments.amount_paid"]
        case "late_delivery" | "duplicate_delivery":
            return [event.table]
        case _:
            return [f"{event.table}.{event.column}"]


def best_auc(probability: Floats, probability_of_label: Floats | None = None) -> float:
    """Return the expected AUC of ranking by the true probability: no model can do better on average.

    Args:
        probability: of default of each loan; what is ranked by.
        probability_of_label: that the label is positive, where it is another (a biased record).
    """
    order = np.argsort(probability, kind="stable")
    positive = (probability if probability_of_label is None else probability_of_label)[order]
    negative = 1 - positive
    below = np.cumsum(negative) - negative / 2  # half of a pair with itself: exact for distinct probabilities, to 1/n
    return float(np.sum(positive * below) / (positive.sum() * negative.sum()))


def _aucs(loans: Sequence[Loans]) -> dict[str, float]:
    probability = np.concatenate([item.probability for item in loans])
    share = loans[0].world.declared.bias.share if loans[0].world.declared.bias else 0.0
    recorded = probability + (1 - probability) * share * np.concatenate([item.in_biased_group for item in loans])
    return {
        "of_true_labels": round(best_auc(probability), 4),
        "of_recorded_labels": round(best_auc(recorded), 4),
        "of_recorded_labels_ranked_by_true_risk": round(best_auc(probability, recorded), 4),
    }


def _bias(world: World, loans: Sequence[Loans]) -> dict[str, Any] | None:
    if world.declared.bias is None:
        return None
    within = np.concatenate([item.in_biased_group for item in loans])
    defaulted, recorded = (np.concatenate([getattr(item, name) for item in loans]) for name in ("defaulted", "recorded"))
    return world.declared.bias.model_dump(mode="json") | {
        "loans_of_group": int(within.sum()),
        "true_defaults": int(defaulted[within].sum()),
        "recorded_defaults": int(recorded[within].sum()),
    }


def _groups(loans: Sequence[Loans]) -> list[dict[str, Any]]:
    """Return true and recorded default rates of each sex and age group."""
    sex, age = (np.concatenate([getattr(item.customers, name) for item in loans]) for name in ("sex", "age_group"))
    rates = []
    for i, name in enumerate(SEXES):
        for j, ages in enumerate(AGE_GROUPS):
            rates.append({"group": f"{name} {ages}"} | _rates(loans, (sex == i) & (age == j)))
    return rates


def _rates(loans: Sequence[Loans], of: Bools) -> dict[str, Any]:
    columns = {name: np.concatenate([getattr(item, name) for item in loans])[of] for name in ("defaulted", "recorded")}
    return {"loans": int(of.sum()), **{f"{name}_rate": round(float(values.mean()), 5) for name, values in columns.items()}}


def _night(loans: Loans) -> dict[str, Any]:
    return {
        "night": str(date.fromordinal(loans.night)),
        "loans": len(loans.ids),
        "expected_defaults": round(float(loans.probability.sum()), 3),
        "true_defaults": int(loans.defaulted.sum()),
        "recorded_defaults": int(loans.recorded.sum()),
        "best_auc": round(best_auc(loans.probability), 4),
    }


def true_loans(world: World, nights: Nights) -> pa.Table:
    """Return a row per loan: its true probability, whether it truly defaults, and what is recorded."""
    return pa.concat_tables(_true_loans(Loans(world, night.toordinal())) for night in nights)


def _true_loans(loans: Loans) -> pa.Table:
    return pa.table(
        {
            "night": columns.dates(np.full(len(loans.ids), loans.night)),
            "loan_id": columns.by_night("L", loans.night, loans.ids),
            "sex_age": pc.binary_join_element_wise(
                columns.category(SEXES, loans.customers.sex), columns.category(AGE_GROUPS, loans.customers.age_group), " "
            ),
            "probability": pa.array(loans.probability),
            "defaulted": pa.array(loans.defaulted),
            "recorded": pa.array(loans.recorded),
            "in_biased_group": pa.array(loans.in_biased_group),
        }
    )
