"""What a bundle says of its model: bundle.json as frozen objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from nightloop.errors import StoreDamaged
from nightloop.model import conformal
from nightloop.model.calibration import Calibration
from nightloop.model.conformal import Conformal
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.tasks import ColumnKind, Task, task_of
from nightloop.nights import Night, Nights, parse_night, parse_nights

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase

FORMAT = 1  # of a binary model
FORMAT_OF_TASKS = 2  # of one that names its task: what reads only the first must not take its answer for a probability
FORMAT_OF_DECISIONS = 3  # of one that decides otherwise than by one threshold: what reads only the others must not
FORMATS = (FORMAT, FORMAT_OF_TASKS, FORMAT_OF_DECISIONS)
Kind = Literal["xgboost", "hist_gradient_boosting", "logistic_regression", "ridge"]
KINDS: tuple[Kind, ...] = ("xgboost", "hist_gradient_boosting", "logistic_regression", "ridge")
TREES: tuple[Kind, ...] = ("xgboost", "hist_gradient_boosting")  # all of them written as XGBoost's


@dataclass(frozen=True)
class Training:
    """Where a model comes from: enough to make it again, and nothing that changes when it is made again."""

    as_of: Night
    fit: Nights
    calibrate: Nights
    validate: Nights
    definition_digest: str
    code_version: str
    data_versions: Mapping[str, int | str]  # table or data set -> version
    training_key: str  # equal for equal trainings
    libraries: Mapping[str, str] = field(
        default_factory=dict
    )  # what it was made with -> version; nothing in bundles from before

    @property
    def learned(self) -> Nights:
        """The nights that the model knows: fitted or calibrated on."""
        return Nights(self.fit.first, self.calibrate.last)

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        nights = {name: str(getattr(self, name)) for name in ("as_of", "fit", "calibrate", "validate")}
        return {
            **nights,
            "definition_digest": self.definition_digest,
            "code_version": self.code_version,
            "data_versions": dict(self.data_versions),
            "training_key": self.training_key,
            **({"libraries": dict(self.libraries)} if self.libraries else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Training:
        """Read what ``as_json`` wrote."""
        return cls(
            as_of=parse_night(values["as_of"]),
            fit=parse_nights(values["fit"]),
            calibrate=parse_nights(values["calibrate"]),
            validate=parse_nights(values["validate"]),
            definition_digest=values["definition_digest"],
            code_version=values["code_version"],
            data_versions=values["data_versions"],
            training_key=values["training_key"],
            libraries=values.get("libraries", {}),
        )


@dataclass(frozen=True)
class Spec:
    """What the model takes, what it answers, and how the answer becomes a decision."""

    use_case: str
    kind: Kind
    features: tuple[str, ...]  # in the order of the columns
    descriptions: tuple[str, ...]  # one per feature: the words of a reason
    calibration: Calibration
    threshold: float | None  # an answer at or above it is a positive decision; None: nothing is decided
    reasons: int  # how many reasons an answer carries
    group: str  # entity column of the fairness gate; empty where none applies
    personal: tuple[str, ...]  # features made of personal data
    training: Training
    task_name: str = "binary"
    classes: tuple[str, ...] = ()  # of a multiclass model, in order
    meanings: tuple[str, ...] = ()  # one digest per feature: what it was trained on; none in bundles from before
    label_meaning: str = ""
    # feature -> words where it raises the answer, and where it lowers it; nothing where none are declared
    reason_words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    group_thresholds: GroupThresholds | None = None  # in place of the threshold
    capacity: int | None = None  # so many of a night are positive; the threshold is for answers outside of one
    conformal: Conformal | None = None  # how far an answer reaches; None: nothing is promised

    @cached_property
    def task(self) -> Task:
        """What the model's margins mean."""
        return task_of(self.task_name, self.threshold, self.classes)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns of an answer, in order: those of the task, then what is promised of it."""
        return {**self.task.columns, **(conformal.reach_columns(self.task_name) if self.conformal else {})}

    @classmethod
    def of(
        cls,
        use_case: UseCase,
        kind: str,
        calibration: Calibration,
        training: Training,
        *,
        thresholds: GroupThresholds | None = None,
        threshold: float | None = None,
        promise: Conformal | None = None,
    ) -> Spec:
        """Take from the use case what the bundle repeats of it."""
        from nightloop.meaning import meanings_of  # a packaged model reads a spec, and never makes one

        features, meanings = use_case.features, meanings_of(use_case)
        return cls(
            use_case=use_case.use_case,
            kind=next(known for known in KINDS if known == kind),
            features=tuple(features),
            descriptions=tuple(feature.description for feature in features.values()),
            calibration=calibration,
            threshold=use_case.model.threshold if threshold is None else threshold,
            capacity=use_case.model.capacity,
            reasons=min(use_case.model.reasons, len(features)),
            group=use_case.gates.fairness.group or "",
            personal=tuple(name for name, feature in features.items() if feature.personal),
            training=training,
            task_name=use_case.model.task,
            classes=use_case.model.classes,
            meanings=tuple(meanings.features.values()),
            label_meaning=meanings.label,
            reason_words={name: (of.reason.up, of.reason.down) for name, of in features.items() if of.reason},
            group_thresholds=thresholds,
            conformal=promise,
        )

    def reason(self, index: int, value: float, effect: float) -> dict[str, object]:
        """Return a reason as the service answers it: the feature at a place, its value in the row and its effect."""
        name = self.features[index]
        words = {"description": self.descriptions[index], "text": self.reason_text(name, effect)}
        return {"feature": name, **words, "value": value, "effect": effect}

    def reason_text(self, feature: str, effect: float) -> str:
        """Return the words of a reason: those declared for the direction, else the feature's description."""
        if feature in self.reason_words:
            up, down = self.reason_words[feature]
            return up if effect > 0 else down
        return self.descriptions[self.features.index(feature)]

    @property
    def feature_meanings(self) -> dict[str, str]:
        """The digest that each feature of a night must have; nothing where the bundle does not say."""
        return dict(zip(self.features, self.meanings, strict=True)) if self.meanings else {}

    @property
    def attribute(self) -> str:
        """The entity's column whose group must be known to decide; empty where none is needed."""
        return self.group_thresholds.attribute if self.group_thresholds else ""

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        of_task: dict[str, object] = {"format": FORMAT}
        if self.task_name != "binary":
            of_task = {"format": FORMAT_OF_TASKS, "task": self.task_name, "classes": list(self.classes)}
        if self.group_thresholds is not None:
            of_task |= {"format": FORMAT_OF_DECISIONS, "group_thresholds": self.group_thresholds.as_json()}
        if self.capacity is not None:
            of_task |= {"format": FORMAT_OF_DECISIONS, "capacity": self.capacity}
        return {
            **of_task,
            "use_case": self.use_case,
            "kind": self.kind,
            "features": [
                {"name": name, "reason": text, **dict(zip(("up", "down"), self.reason_words.get(name, ()), strict=False))}
                for name, text in zip(self.features, self.descriptions, strict=True)
            ],
            "calibration": self.calibration.as_json(),
            "threshold": self.threshold,
            "reasons": self.reasons,
            "group": self.group,
            "personal": list(self.personal),
            "training": self.training.as_json(),
            "meanings": {"features": list(self.meanings), "label": self.label_meaning},
            **({"conformal": self.conformal.as_json()} if self.conformal else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, where: str) -> Spec:
        """Read what ``as_json`` wrote.

        Raises:
            StoreDamaged: another format, or a field is missing or wrong.
        """
        if values.get("format") not in FORMATS:
            raise StoreDamaged(
                f"the bundle has format {values.get('format')!r}, this version reads {', '.join(map(str, FORMATS))}.",
                where=where,
                do="Use the version of Nightloop that wrote it, or train again.",
            )
        try:
            return cls._read(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreDamaged(
                f"a field is missing or wrong ({type(error).__name__}: {error}).",
                where=where,
                do="Fetch or train the model again.",
            ) from error

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> Spec:
        threshold, by_group = values["threshold"], values.get("group_thresholds")
        return cls(
            use_case=values["use_case"],
            kind=values["kind"],
            features=tuple(feature["name"] for feature in values["features"]),
            descriptions=tuple(feature["reason"] for feature in values["features"]),
            calibration=Calibration.from_json(values["calibration"]),
            threshold=None if threshold is None else float(threshold),
            reasons=int(values["reasons"]),
            group=values["group"],
            personal=tuple(values["personal"]),
            training=Training.from_json(values["training"]),
            task_name=values.get("task", "binary"),
            classes=tuple(values.get("classes", ())),
            meanings=tuple(values.get("meanings", {}).get("features", ())),
            label_meaning=values.get("meanings", {}).get("label", ""),
            reason_words={of["name"]: (of["up"], of["down"]) for of in values["features"] if "up" in of},
            capacity=values.get("capacity"),
            group_thresholds=GroupThresholds.from_json(by_group, float(threshold)) if by_group else None,
            conformal=conformal.from_json(values["conformal"], values.get("classes", ())) if "conformal" in values else None,
        )
