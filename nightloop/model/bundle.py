"""Write and read a bundle: the one artifact of a trained model, a folder of plain files.

    bundle.json       what the model is: features in order, calibration, threshold, where it comes from
    model.ubj         the boosted trees (XGBoost's own format), or
    linear.json       the linear model
    definition.yaml   the use case as it was written when the model was trained
    reference.json    the profile of the training data that drift is measured against
    card.md           the model card
    probes.json       a few rows of features, of nobody in particular, and what the model answered to them in training

No pickle: reading a bundle runs no code of the bundle. The same training writes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged, UsageError
from nightloop.model.calibration import Calibration
from nightloop.model.conformal import Conformal
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.models import FittedModel, LinearClasses, LinearModel, Trees
from nightloop.model.spec import FORMAT, Spec, Training

if TYPE_CHECKING:
    from xgboost import Booster

    from nightloop.definitions.use_case import UseCase

__all__ = ["FORMAT", "Spec", "Training", "digest", "read_spec", "reference_profile", "write"]

SPEC, TREES, LINEAR = "bundle.json", "model.ubj", "linear.json"
DEFINITION, REFERENCE, CARD, PROBES = "definition.yaml", "reference.json", "card.md", "probes.json"
ROUNDING = 1e-9  # libraries may differ in the last bits of a number, not in an answer
PROBE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles of each feature that probes are made of


def write(
    folder: Path,
    *,
    use_case: UseCase,
    model: Booster | FittedModel,
    calibration: Calibration,
    training: Training,
    definition: str,
    reference: Mapping[str, object],
    card: str,
    thresholds: GroupThresholds | None = None,
    threshold: float | None = None,
    conformal: Conformal | None = None,
    probed: NDArray[np.float64] | None = None,
) -> Path:
    """Write the bundle into ``folder`` in one move, in place of what was there, and return the folder.

    Args:
        folder: where it shall stand.
        use_case: names the features in order, their descriptions, the threshold and the number of reasons.
        model: boosted trees or a linear model over the use case's features, in that order.
        calibration: from margin to answer.
        training: where the model comes from.
        definition: text of the use case's file.
        reference: profile of the training data, JSON-able, no NaN.
        card: Markdown.
        thresholds: of a model that decides by one for each group.
        threshold: found in training, where a capacity decides; else the declared one.
        conformal: how far its answers reach, where the use case promises it.
        probed: features (n, k) whose quantiles the probes are made of; None: there are no probes.

    Raises:
        UsageError: the model takes other features than the use case has.
    """
    kind, name, content = _model_file(model, use_case)
    spec = Spec.of(use_case, kind, calibration, training, thresholds=thresholds, threshold=threshold, promise=conformal)
    files = {
        SPEC: _json(spec.as_json()),
        name: content,
        DEFINITION: definition.encode(),
        REFERENCE: _json(reference),
        CARD: card.encode(),
    }
    if probed is not None and isinstance(model, LinearModel | LinearClasses | Trees):
        files[PROBES] = _json(_probes(spec, model, probed))
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    fresh.chmod(0o755)
    for file, data in files.items():
        (fresh / file).write_bytes(data)
    shutil.rmtree(folder, ignore_errors=True)
    return fresh.rename(folder)


def _probes(spec: Spec, model: FittedModel, features: NDArray[np.float64]) -> dict[str, object]:
    """Return rows of the features' quantiles, each level by itself and two levels by turns, one of nothing; and the answers."""
    known = [column[~np.isnan(column)] for column in features.T]
    nothing = np.full(len(PROBE_LEVELS), np.nan)
    levels = np.array([np.quantile(of, PROBE_LEVELS, method="nearest") if len(of) else nothing for of in known]).T
    by_turns = np.where(np.arange(levels.shape[1]) % 2, levels[0], levels[-1])
    rows = np.vstack([levels, by_turns, np.full(levels.shape[1], np.nan)])
    listed = [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]
    return {"features": listed, "answers": spec.task.predict(spec.calibration, model.margins(rows)).tolist()}


def check_probes(folder: Path, answer: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
    """Check that rows stored in training are answered as they were then; a bundle from before has none.

    Args:
        folder: the bundle.
        answer: gives the predictions of rows (n, k).

    Raises:
        StoreDamaged: they are not, by more than rounding.
    """
    if not (folder / PROBES).exists():
        return
    stored = read_json(folder, PROBES)
    expected = np.array(stored["answers"], dtype=np.float64)
    answers = answer(np.array(stored["features"], dtype=np.float64))
    differing = np.argwhere(~np.isclose(answers, expected, rtol=ROUNDING, atol=ROUNDING))
    if len(differing):
        row, count = int(differing[0][0]), len(set(differing[:, 0].tolist()))
        raise StoreDamaged(
            f"{count} of {len(expected)} probes are answered otherwise than in training: probe {row} by {answers[row]}, "
            f"and was by {expected[row]}.",
            where=str(folder / PROBES),
            do="Other code or other libraries answer here than trained: compare them with 'libraries' of bundle.json.",
        )


def _model_file(model: Booster | FittedModel, use_case: UseCase) -> tuple[str, str, bytes]:
    names = list(use_case.features)
    if isinstance(model, LinearModel | LinearClasses):
        _check_features(model.feature_count, None, names)
        return use_case.model.baseline[0], LINEAR, _json(model.as_json())
    booster = model.booster if isinstance(model, Trees) else model
    _check_features(booster.num_features(), booster.feature_names, names)
    return use_case.model.candidate[0], TREES, bytes(booster.save_raw("ubj"))


def _check_features(count: int, given: list[str] | None, names: list[str]) -> None:
    if count != len(names) or (given is not None and given != names):
        raise UsageError(
            f"the model takes {count} features {given or ''}, the use case has {len(names)}: {', '.join(names)}.",
            do="Train it on the use case's features, in their order.",
        )


def _json(values: Mapping[str, object]) -> bytes:
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()


def read_spec(folder: Path) -> Spec:
    """Read what the model is.

    Raises:
        StoreDamaged: no bundle, a newer format, or not readable; the message names the file.
    """
    return Spec.from_json(read_json(folder, SPEC), where=str(folder / SPEC))


def reference_profile(folder: Path) -> dict[str, object]:
    """Read the profile of the training data that the trainer gave."""
    return read_json(folder, REFERENCE)


def read_json(folder: Path, name: str) -> dict[str, object]:
    """Read one JSON object of the bundle."""
    path = folder / name
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreDamaged(f"the bundle has no {name}.", where=str(folder), do="Fetch or train the model again.") from error
    except ValueError as error:
        raise StoreDamaged(f"not readable as JSON: {error}.", where=str(path), do="Fetch or train the model again.") from error
    if not isinstance(values, dict):
        raise StoreDamaged("holds no JSON object.", where=str(path), do="Fetch or train the model again.")
    return values


def file_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file's bytes, by its path below the folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def digest(folder: Path) -> str:
    """Return a digest of every file's name and bytes: equal bundles, equal digest, wherever they lie."""
    return digest_of(file_digests(folder))


def digest_of(files: Mapping[str, str]) -> str:
    """Return the digest of a bundle from those of its files."""
    return hashlib.sha256("".join(f"{name}\0{of}\n" for name, of in files.items()).encode()).hexdigest()


def check(folder: Path, expected: str, *, files: Mapping[str, str] = MappingProxyType({}), recorded: str) -> None:
    """Check that a bundle is the one that was recorded, before anything of it is read.

    Args:
        folder: the bundle.
        expected: its digest.
        files: those of its files, where they were recorded too: the error names the ones that differ.
        recorded: what recorded them, in words.

    Raises:
        StoreDamaged: it is another one.
    """
    held = file_digests(folder)
    if (digest := digest_of(held)) == expected:
        return
    differing = sorted(name for name in {*held, *files} if held.get(name) != files.get(name)) if files else []
    what = f"{', '.join(differing)} of the bundle {'is' if len(differing) == 1 else 'are'}" if differing else "the bundle is"
    raise StoreDamaged(
        f"{what} not what {recorded}: the digest is {digest[:12]}…, recorded is {expected[:12]}….",
        where=str(folder),
        do="Nothing of it was read. Somebody changed the artifacts: restore them from a backup, or train again.",
    )
