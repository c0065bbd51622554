"""Check what a use case says of its estimators: their parameters, what they are constrained by, and how they are searched."""

from __future__ import annotations

from fnmatch import fnmatchcase

from nightloop.definitions.estimators import Parameters, Search
from nightloop.definitions.model import BinaryModel
from nightloop.definitions.parameters import PARAMETERS, faults
from nightloop.definitions.problems import Problems
from nightloop.definitions.use_case import UseCase
from nightloop.definitions.yaml_lines import Key
from nightloop.errors import suggest

MONOTONE = ("increasing_in", "decreasing_in")
LOG = "log"
OF_TASKS = {"scale_pos_weight": ("binary",), "class_weight": ("binary", "multiclass")}


def check_estimators(use_case: UseCase, problems: Problems) -> None:
    """Note every mistake in ``problems``."""
    model = use_case.model
    kind, parameters = model.candidate
    if model.estimator is not None:
        _kind(use_case, problems)
    path: tuple[Key, ...] = ("model", "estimator", "parameters") if model.estimator else ("model", "xgboost")
    _parameters(use_case, problems, kind, parameters, path)
    baseline, of_baseline = model.baseline
    _parameters(use_case, problems, baseline, of_baseline, ("model", baseline))
    if model.search is not None:
        _space(model.search, kind, parameters, problems)
    _held_out(use_case, problems)
    _mitigation(use_case, problems)


def _mitigation(use_case: UseCase, problems: Problems) -> None:
    """Methods of mitigation fit XGBoost's trees by the declared parameters, on numbers: another recipe would not count."""
    model = use_case.model
    if not isinstance(model, BinaryModel) or model.mitigation is None:
        return
    besides = [key for key in ("estimator", "early_stopping", "weights", "search") if getattr(model, key) is not None]
    besides += [name for name, feature in use_case.features.items() if feature.kind == "category"]
    if besides:
        what = f"methods of mitigation fit XGBoost's trees as declared, on numbers; {', '.join(besides)} would not count."
        problems.add(("model", "mitigation"), what, "Leave out one of both.")


def _kind(use_case: UseCase, problems: Problems) -> None:
    model = use_case.model
    kind, baseline = model.candidate[0], model.baseline[0]
    if kind not in ("hist_gradient_boosting", baseline):
        what = f"a {model.task} model is not fitted by {kind}."
        problems.add(("model", "estimator", "kind"), what, f"Write {baseline} or hist_gradient_boosting.")
    if model.xgboost:
        problems.add(("model", "xgboost"), f"the candidate is {kind}: nothing is fitted by XGBoost.", "Leave one of both out.")
    if model.early_stopping is not None:
        problems.add(("model", "early_stopping"), f"early_stopping is for XGBoost, not for {kind}.", "Leave it out.")


def _parameters(use_case: UseCase, problems: Problems, estimator: str, parameters: Parameters, path: tuple[Key, ...]) -> None:
    for name, what, do in faults(estimator, parameters):
        problems.add((*path, name), what, do)
    for name, tasks in OF_TASKS.items():
        if name in parameters and name in PARAMETERS[estimator] and use_case.model.task not in tasks:
            problems.add((*path, name), f"'{name}' means nothing for a {use_case.model.task} model.", "Leave it out.")
    _monotone(use_case, problems, parameters, path)


def _monotone(use_case: UseCase, problems: Problems, parameters: Parameters, path: tuple[Key, ...]) -> None:
    """Each pattern names a feature that can rise, and no feature is to rise and to fall."""
    named: dict[str, set[str]] = {}
    for key in MONOTONE:
        if key not in parameters:
            continue
        if use_case.model.task == "multiclass":
            what = f"several probabilities cannot all {'rise' if key == MONOTONE[0] else 'fall'} with a feature."
            problems.add((*path, key), what, "Leave it out of a multiclass model.")
            continue
        patterns = [pattern.strip() for pattern in str(parameters[key]).split(",") if pattern.strip()]
        named[key] = set()
        for pattern in patterns:
            features = {name for name in use_case.features if fnmatchcase(name, pattern)}
            if not features:
                problems.add((*path, key), f"'{pattern}' names no feature.", suggest(pattern, use_case.features, "Features"))
            named[key] |= features
        for name in sorted(named[key]):
            if use_case.features[name].kind == "category":
                problems.add((*path, key), f"'{name}' is a category: its levels have no order.", "Name numbers only.")
    for name in sorted(set.intersection(*named.values()) if len(named) > 1 else ()):
        problems.add((*path, MONOTONE[1]), f"'{name}' is named by both {' and '.join(MONOTONE)}.", "Name it in one of them.")


def _space(search: Search, estimator: str, parameters: Parameters, problems: Problems) -> None:
    """Each range is one of a parameter that is not given already, and both its ends are allowed."""
    allowed = {name: parameter for name, parameter in PARAMETERS[estimator].items() if name not in MONOTONE}
    for name, choices in search.space.items():
        path: tuple[Key, ...] = ("model", "search", "space", name)
        if name not in allowed:
            problems.add(path, f"'{name}' is no parameter of {estimator} to search.", suggest(name, allowed, "Allowed"))
            continue
        if name in parameters:
            problems.add(path, f"'{name}' is given already, as {parameters[name]!r}.", "Leave it out of one of both.")
        if allowed[name].kind == "text":
            _choices(choices, name, estimator, path, problems)
        else:
            _range(choices, name, estimator, path, problems)


def _choices(choices: list[float | int | str], name: str, estimator: str, path: tuple[Key, ...], problems: Problems) -> None:
    for choice in choices:
        for _, what, do in faults(estimator, {name: choice}):
            problems.add(path, what, do)
    if len(set(choices)) < 2 or len(set(choices)) < len(choices):  # noqa: PLR2004 - there is nothing to choose from one
        problems.add(path, f"{choices} are not at least two different texts.", "Write the texts to choose from.")


def _range(choices: list[float | int | str], name: str, estimator: str, path: tuple[Key, ...], problems: Problems) -> None:
    do = "Write [low, high] or [low, high, log]."
    low, high, *scale = choices if len(choices) in (2, 3) else (None, None, "")
    if scale not in ([], [LOG]) or isinstance(low, str) or isinstance(high, str) or low is None or high is None:
        problems.add(path, f"{choices} is no range.", do)
        return
    wrong = [fault for end in (low, high) for fault in faults(estimator, {name: end})]
    for _, what, way_out in wrong:
        problems.add(path, what, way_out)
    if not wrong and low >= high:
        problems.add(path, f"the range {[low, high]} ends before it begins.", do)
    elif not wrong and scale and low <= 0:
        problems.add(path, f"a log scale cannot begin at {low}.", "Begin above 0, or leave out log.")


def _held_out(use_case: UseCase, problems: Problems) -> None:
    """What is held out of the fit slice must leave nights to fit on."""
    model, delay = use_case.model, use_case.label.matures_after
    search, stopping = model.search, model.early_stopping
    folds = search.folds * search.nights if search else 0
    asked = {"search": folds + delay if search else 0, "early_stopping": stopping.nights + delay if stopping else 0}
    least = model.split.minimum_fit_nights
    if all(asked.values()):
        asked["search"] += asked["early_stopping"]
    for key, nights in asked.items():
        if nights >= least:
            problems.add(
                ("model", key),
                f"{key} holds out {nights} nights, {delay} of them until labels are known; the fit slice may have {least}.",
                "Hold out fewer, or raise split.minimum_fit_nights.",
            )
            return
