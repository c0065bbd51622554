"""Check the methods of mitigation: that there are groups to treat alike, known of what is scored, and a rate to make equal."""

from __future__ import annotations

from nightloop.definitions.model import BinaryModel
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase
from nightloop.errors import suggest
from nightloop.expressions.types import KEY_TYPES

PATH = ("model", "mitigation")


def check_mitigation(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    model, gate = use_case.model, use_case.gates.fairness
    if not isinstance(model, BinaryModel) or model.mitigation is None:
        return
    mitigation = model.mitigation
    if gate.none_because is not None:
        what = "no fairness gate applies, so nothing says what is to be treated alike."
        problems.add(PATH, what, "Leave out model.mitigation, or declare gates > fairness.")
        return
    if len(set(mitigation.methods)) < len(mitigation.methods):
        problems.add((*PATH, "methods"), "a method is named twice.", "Name each once.")
    if "exponentiated_gradient" in mitigation.methods and "scale_pos_weight" in model.xgboost:
        what = "exponentiated_gradient weighs rows by what errors cost; scale_pos_weight would weigh them again."
        problems.add((*PATH, "methods"), what, "Leave out scale_pos_weight, or the method.")
    if "group_thresholds" in mitigation.methods and model.split.calibrate_nights < 2:  # noqa: PLR2004 - one half of each
        what = "thresholds found on one night cannot be tried on another."
        problems.add((*PATH, "methods"), what, "Write calibrate_nights: 2 or more in model > split.")
    attribute = mitigation.attribute or gate.group
    if attribute not in gate.columns:
        what = f"'{attribute}' is no column of the fairness gate, so no gate would judge it."
        problems.add((*PATH, "attribute"), what, suggest(str(attribute), gate.columns, "Columns"))
        return
    _known_when_scored(use_case, str(attribute), problems)


def _known_when_scored(use_case: UseCase, attribute: str, problems: Problems) -> None:
    source, model = use_case.sources.get(use_case.entity.source), use_case.model
    if source is None or not isinstance(model, BinaryModel) or model.mitigation is None:
        return
    kind = source.types.get(attribute)
    if "group_thresholds" in model.mitigation.methods and kind is not None and kind not in KEY_TYPES:
        what = f"'{attribute}' is a {kind}: no threshold can be looked up by it."
        problems.add((*PATH, "methods"), what, f"Group by a {', '.join(KEY_TYPES)}, or leave out group_thresholds.")
