"""Tell how the use cases stand: for probes, and for people who ask which model answers."""

from __future__ import annotations

from collections.abc import Sequence

from serving.answers import FeatureInfo, ModelInfo, Models, Readiness, UseCaseReadiness
from serving.refresh import LoadedModels


def is_ready(shelves: Sequence[LoadedModels]) -> bool:
    """Tell whether the service can answer: something is loaded, and nothing that should be is missing.

    A use case that never had a champion holds nobody back: a new file in feature_defs/ must not take a running service out.
    """
    loaded = [shelf for shelf in shelves if shelf.standing.edition]
    return bool(loaded) and all(shelf.standing.edition or shelf.standing.is_new for shelf in shelves)


def readiness_of(shelves: Sequence[LoadedModels]) -> Readiness:
    """Tell which use cases answer, and why others do not."""
    return Readiness(ready=is_ready(shelves), use_cases={shelf.use_case.use_case: _readiness(shelf) for shelf in shelves})


def _readiness(shelf: LoadedModels) -> UseCaseReadiness:
    standing = shelf.standing
    identity = standing.edition.identity if standing.edition else None
    return UseCaseReadiness(
        ready=identity is not None,
        model_version=identity.model_version if identity else None,
        night=identity.night if identity else None,
        problem=standing.problem or (None if identity else "the service is starting."),
        checked_at=standing.checked_at,
    )


def models_of(shelves: Sequence[LoadedModels]) -> Models:
    """Tell which model answers for each use case."""
    return Models(models=[_model(shelf) for shelf in shelves])


def _model(shelf: LoadedModels) -> ModelInfo:
    use_case, edition = shelf.use_case, shelf.standing.edition
    info = ModelInfo(
        use_case=use_case.use_case,
        description=use_case.description,
        owner=use_case.owner,
        ready=edition is not None,
        problem=shelf.standing.problem,
    )
    if edition is None:
        return info
    spec, champion = edition.predictor.spec, edition.identity.champion
    return info.model_copy(
        update={
            "version": champion.version,
            "kind": spec.kind,
            "as_of": champion.as_of,
            "effective_from": champion.effective_from,
            "night": edition.identity.night,
            "threshold": spec.threshold,
            "features": [
                FeatureInfo(name=name, description=text, unit=use_case.features[name].unit)
                for name, text in zip(spec.features, spec.descriptions, strict=True)
            ],
        }
    )
