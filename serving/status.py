"""The status of the use cases: for probes, and for people who ask which model answers."""

from __future__ import annotations

from collections.abc import Sequence

from serving.answers import FeatureInfo, ModelInfo, Models, Readiness, UseCaseReadiness
from serving.refresh import LoadedModels, Status


def is_ready(loaded_models: Sequence[LoadedModels]) -> bool:
    """Tell whether the service can answer: something is loaded, and nothing that should be is missing.

    A use case that never had a champion holds nobody back: a new file in feature_defs/ must not take a running service out.
    """
    statuses = [loaded.status for loaded in loaded_models]
    return any(status.answering for status in statuses) and all(status.answering or status.is_new for status in statuses)


def readiness_of(loaded_models: Sequence[LoadedModels]) -> Readiness:
    """Return which use cases answer, and why others do not."""
    use_cases = {loaded.use_case.use_case: _readiness(loaded.status) for loaded in loaded_models}
    return Readiness(ready=is_ready(loaded_models), use_cases=use_cases)


def _readiness(status: Status) -> UseCaseReadiness:
    identity = status.answering.identity if status.answering else None
    return UseCaseReadiness(
        ready=identity is not None,
        model_version=identity.model_version if identity else None,
        night=identity.night if identity else None,
        problem=status.problem or (None if identity else "the service is starting."),
        checked_at=status.checked_at,
    )


def models_of(loaded_models: Sequence[LoadedModels]) -> Models:
    """Return which model answers for each use case."""
    return Models(models=[_model(loaded) for loaded in loaded_models])


def _model(loaded: LoadedModels) -> ModelInfo:
    use_case, snapshot = loaded.use_case, loaded.status.snapshot
    info = ModelInfo(
        use_case=use_case.use_case,
        description=use_case.description,
        owner=use_case.owner,
        ready=loaded.status.answering is not None,
        problem=loaded.status.problem,
    )
    if snapshot is None:
        return info
    spec, champion = snapshot.predictor.spec, snapshot.identity.champion
    return info.model_copy(
        update={
            "version": champion.version,
            "kind": spec.kind,
            "as_of": champion.as_of,
            "effective_from": champion.effective_from,
            "night": snapshot.identity.night,
            "threshold": spec.threshold,
            "features": [
                FeatureInfo(name=name, description=text, unit=use_case.features[name].unit)
                for name, text in zip(spec.features, spec.descriptions, strict=True)
            ],
        }
    )
