"""What a ladder must mean: each rung once, and a rule that answers as the model does."""

from __future__ import annotations

from nightloop.definitions.checking.rules import Rules
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase


def check_serving(use_case: UseCase, problems: Problems) -> None:
    """Note what a ladder cannot mean."""
    serving = use_case.serving
    if serving is None:
        return
    if len(set(serving.ladder)) < len(serving.ladder):
        problems.add(("serving", "ladder"), "a rung is named twice.", "Name each once.")
    if ("rule" in serving.ladder) != (serving.rule is not None):
        do = "Give 'rule' an expression, and name it in 'ladder'; or leave both out."
        problems.add(("serving", "ladder"), "the rung 'rule' and its expression go together.", do)
    if serving.milliseconds is not None and "rule" not in serving.ladder:
        problems.add(("serving", "milliseconds"), "when the time is up only a rule can answer.", "Name 'rule' in 'ladder'.")
    if serving.rule is None:
        return
    Rules(use_case, problems).check_expression(
        serving.rule, use_case.sources[use_case.entity.source].types, ("serving", "rule"), "number"
    )
    if use_case.model.classes or use_case.model.capacity is not None:
        what = "a rule answers one number: not of several classes, and not where a capacity decides."
        problems.add(("serving", "rule"), what, "Leave the rule out.")
