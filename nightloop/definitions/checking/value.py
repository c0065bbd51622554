"""Check that what answers are worth suits the task, and that no wrong decision is worth more than the right one."""

from __future__ import annotations

from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase

CELLS = ("true_positive", "false_positive", "true_negative", "false_negative")
OF_NUMBERS = ("unit_error", "without_model")


def check_value(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    value, task = use_case.value, use_case.model.task
    if value is None:
        return
    if task == "multiclass":
        problems.add(("value",), "answers of several classes have no cells of right and wrong decisions.", "Leave it out.")
        return
    needed, others = (("true_positive", "false_positive"), OF_NUMBERS) if task == "binary" else (("unit_error",), CELLS)
    for name in others:
        if name in value.model_fields_set:
            problems.add(("value", name), f"{name} means nothing for a {task} model.", f"Write {' and '.join(needed)}.")
    for name in needed:
        if getattr(value, name) is None:
            problems.add(("value",), f"the key '{name}' is missing.", "Add it: gains are positive, costs negative.")
    if value.true_positive is not None and value.true_positive <= value.false_negative:
        problems.add(
            ("value", "true_positive"),
            f"a true positive ({value.true_positive:g}) is worth no more than a false negative ({value.false_negative:g}).",
            "Write gains as positive numbers and costs as negative ones.",
        )
    if value.false_positive is not None and value.false_positive > value.true_negative:
        problems.add(
            ("value", "false_positive"),
            f"a false positive ({value.false_positive:g}) is worth more than a true negative ({value.true_negative:g}).",
            "Write gains as positive numbers and costs as negative ones.",
        )
