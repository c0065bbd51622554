"""Write the datasheet of a training set: why it was made, what is in it, how it came, and what it may be used for.

After Gebru et al. 2021, "Datasheets for datasets" (Communications of the ACM 64). From the definition, the rows themselves and
what the lake recorded: the same training set of the same lake gives the same datasheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.errors import command
from nightloop.model.training import card_statements as statements
from nightloop.model.training.card_text import NOT_STATED, items, table
from nightloop.model.training.slices import Slices
from nightloop.model.training.training_set import LEARN, TrainingSet
from nightloop.nights import Nights

if TYPE_CHECKING:
    from nightloop.model.training.training_snapshot import Manifest

NIGHTS_SHOWN = 120  # more are shown by month
FILE = "datasheet.md"


def render(
    use_case: UseCase, manifest: Manifest, rows: TrainingSet, slices: Slices, *, quarantined: Mapping[str, int] | None
) -> str:
    """Return the datasheet as Markdown.

    Args:
        use_case: whose training set.
        manifest: how it is kept, and the versions of the tables it was joined from.
        rows: all of them.
        slices: the nights used for what.
        quarantined: records that contracts set aside in its nights, by source; None: no such table was ever published.
    """
    sections = {
        "Motivation": _motivation(use_case, manifest),
        "Composition": _composition(use_case, rows, slices),
        "Rows by night": _by_night(use_case, rows),
        "Missing values": _missing(rows),
        "Groups": _groups(use_case, rows),
        "Collection": _collection(use_case, manifest, quarantined),
        "Preprocessing": _preprocessing(use_case, rows),
        "Uses": f"{statements.intended_use(use_case)}\n\nNot for: {statements.out_of_scope(use_case)}",
        "Distribution": _distribution(manifest),
        "Maintenance": _maintenance(use_case),
    }
    title = f"# {use_case.use_case}: training set as of {manifest.as_of}"
    return "\n\n".join([title, use_case.description, *(f"## {head}\n\n{body}" for head, body in sections.items())]) + "\n"


def _motivation(use_case: UseCase, manifest: Manifest) -> str:
    lines = [
        f"Made to train the models of {use_case.use_case} as of {manifest.as_of}, by what was known at that night's cut-off.",
        f"By whom: {use_case.owner}, by Nightloop, with nobody choosing rows by hand.",
        f"Paid for by: {NOT_STATED}",
    ]
    return items(lines)


def _composition(use_case: UseCase, rows: TrainingSet, slices: Slices) -> str:
    personal = [name for name, feature in use_case.features.items() if feature.personal]
    sensitive = [name for name, feature in use_case.features.items() if feature.sensitive]
    parts = [_part(use_case, rows, name, getattr(slices, name)) for name in ("fit", "calibrate", "validate")]
    lines = [
        f"A row is one of: {' '.join(use_case.sources[use_case.entity.source].description.split())} "
        f"It is known by {', '.join(use_case.entity.key)} and the night on which it was scored.",
        f"{len(rows.label):,} rows, {len(rows.features)} features; all whose outcome was known, not a sample.",
        f"Label: {use_case.label.description}",
        f"Made of personal data: {', '.join(personal) or 'none is declared'}.",
        f"Made of specially protected data: {', '.join(sensitive) or 'none is declared'}.",
    ]
    return f"{items(lines)}\n\n{table(('part', 'nights', 'rows', _rate_heading(use_case)), parts)}"


def _part(use_case: UseCase, rows: TrainingSet, name: str, nights: Nights) -> tuple[str, ...]:
    label = rows.of(nights).label
    return name, str(nights), f"{len(label):,}", _rate(use_case, label)


def _by_night(use_case: UseCase, rows: TrainingSet) -> str:
    """Return rows and label by night, by month where the nights are many."""
    unit = "D" if len(np.unique(rows.night)) <= NIGHTS_SHOWN else "M"
    when = rows.night.astype(f"datetime64[{unit}]")
    lines = [(str(of), *_counted(use_case, rows, when == of)) for of in np.unique(when)]
    return table(("night" if unit == "D" else "month", "rows", _rate_heading(use_case)), lines)


def _missing(rows: TrainingSet) -> str:
    missing = np.isnan(rows.matrix)
    lines = [(name, f"{int(of.sum()):,}", f"{of.mean():.1%}") for name, of in zip(rows.features, missing.T, strict=True)]
    return table(("feature", "rows without a value", "share"), lines)


def _groups(use_case: UseCase, rows: TrainingSet) -> str:
    gate = use_case.gates.fairness
    if gate.group is None:
        return f"None: {gate.none_because or 'no fairness gate is declared.'}"
    divided: dict[str, NDArray[Any]] = {gate.group: rows.group} | rows.attributes
    lines = [
        (f"{column} = {value}", *_counted(use_case, rows, values == value))
        for column, values in divided.items()
        for value in np.unique(values)
    ]
    return table(("group", "rows", _rate_heading(use_case)), lines)


def _collection(use_case: UseCase, manifest: Manifest, quarantined: Mapping[str, int] | None) -> str:
    tables = [(name, str(number)) for name, number in sorted(manifest.table_versions.items())]
    if quarantined is None:
        aside = "No record was set aside: no contract of this use case ever published a quarantine."
    else:
        lines = [(source, f"{quarantined.get(source, 0):,}") for source in use_case.sources]
        aside = table(("source", "records set aside by its contract, in these nights"), lines)
    return "\n\n".join([statements.sources(use_case), table(("table it was joined from", "version"), tables), aside])


def _preprocessing(use_case: UseCase, rows: TrainingSet) -> str:
    needed = ", ".join(use_case.model.fit_where_known)
    withheld = rows.table.num_rows - int(np.count_nonzero(rows.table[LEARN].to_numpy()))
    filled = [f"{name} {feature.default:g}" for name, feature in use_case.features.items() if feature.default is not None]
    window = use_case.model.window_nights
    lines = [
        "Each feature has the value that was computable at the cut-off of the row's night; the label is the newest version "
        "known at the cut-off of the training.",
        f"Nights: {f'the newest {window}' if window else 'all since the first'}.",
        f"Missing values stay missing, but for {', '.join(filled)}." if filled else "Missing values stay missing.",
        f"Rows that are judged, but not learned from, for they lack {needed}: {withheld:,}."
        if needed
        else "No row is left out.",
    ]
    return items(lines)


def _distribution(manifest: Manifest) -> str:
    lines = [
        f"One Parquet file of {manifest.rows:,} rows under DVC, MD5 `{manifest.dvc_md5}`, in `training/{manifest.use_case}/"
        f"{manifest.as_of}/` of the home, and in the DVC remote where one is set.",
        f"Digest of the rows, whatever the file's layout: `{manifest.content_digest}`.",
        "It leaves the installation by nobody's hand but its owner's; licences and terms are those of the sources.",
    ]
    return items(lines)


def _maintenance(use_case: UseCase) -> str:
    lines = [
        f"Kept by {use_case.owner}. Each training makes a set of its own; none is changed, and those before stay under DVC.",
        "An outcome that is corrected later is in the next training set, not in this one.",
        f"To have it back and train on it again: `{command('reproduce', use_case.use_case, 'VERSION')}`.",
    ]
    return items(lines)


def _counted(use_case: UseCase, rows: TrainingSet, members: NDArray[np.bool_]) -> tuple[str, str]:
    return f"{int(members.sum()):,}", _rate(use_case, rows.label[members])


def _rate_heading(use_case: UseCase) -> str:
    return {"binary": "positive", "regression": "mean label", "multiclass": "share of each class"}[use_case.model.task]


def _rate(use_case: UseCase, label: NDArray[Any]) -> str:
    if not len(label):
        return "-"
    if use_case.model.task == "binary":
        return f"{np.mean(label):.2%}"
    if use_case.model.task == "regression":
        return f"{np.mean(label):.4g}"
    return ", ".join(_shares(use_case.model.classes, label))


def _shares(classes: tuple[str, ...], label: NDArray[Any]) -> Iterator[str]:
    for name, count in zip(classes, np.bincount(label, minlength=len(classes)), strict=True):
        yield f"{name} {count / len(label):.1%}"
