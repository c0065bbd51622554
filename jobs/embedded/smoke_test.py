"""Ask the running service for one entity of a night and compare its answer with the batch score."""

from __future__ import annotations

import httpx
import pyarrow.compute as pc

from nightloop.definitions.use_case import UseCase
from nightloop.errors import Final, StoreUnavailable
from nightloop.nights import Night, one
from nightloop.workspace import Workspace


class AnswersDiffer(Final):
    """The service and the batch score disagree about one entity."""


def ask_service(workspace: Workspace, use_case: UseCase, night: Night, address: str) -> str:
    """Ask for the most probable entity of the night, and describe its answer in a paragraph.

    Raises:
        AnswersDiffer: the probability differs from the stored score.
        StoreUnavailable: the service does not answer.
    """
    key = use_case.entity.key
    scores = workspace.lake.read(f"{use_case.use_case}/scores", one(night)).sort_by(
        [("probability", "descending"), *((part, "ascending") for part in key)]
    )
    stored = scores.slice(0, 1).to_pylist()[0]
    entities = workspace.lake.read(f"{use_case.use_case}/raw_{use_case.entity.source}", one(night))
    for part in key:
        entities = entities.filter(pc.equal(entities[part], stored[part]))
    columns = list(use_case.sources[use_case.entity.source].columns)
    row = entities.select(columns).to_pylist()[0]
    answers = _post(
        f"{address}/v1/{use_case.use_case}/predict",
        {"rows": [_plain(row)], "night": str(night)},
        token=workspace.settings.service_token,
    )
    answer = answers["predictions"][0]
    online, batch = answer["probability"], stored["probability"]
    if online != batch:
        raise AnswersDiffer(
            f"the service answers {online!r}, the batch score of {night} is {batch!r} for {stored}.",
            where=address,
            do="Compare the model versions and the night of the aggregates in the answer.",
        )
    entity = ", ".join(str(stored[part]) for part in key)
    return (
        f"asked the service for {entity}: probability {online:.6f}, decision {answer['decision']}, "
        f"model version {answer['model_version']}\n  the batch score of {night} says {batch:.6f} (version "
        f"{stored['model_version']}): equal to the last bit"
    )


def _post(address: str, body: dict[str, object], *, token: object) -> dict[str, list[dict[str, object]]]:
    secret = token.get_secret_value() if token is not None and hasattr(token, "get_secret_value") else None
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    try:
        answer = httpx.post(address, json=body, headers=headers, timeout=30)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        body_text = getattr(getattr(error, "response", None), "text", "")
        raise StoreUnavailable(
            f"the service gave no answer ({error}). {body_text}", where=address, do="Read service.log under HOME/logs."
        ) from error
    answers: dict[str, list[dict[str, object]]] = answer.json()
    return answers


def _plain(row: dict[str, object]) -> dict[str, object]:
    """Write dates as text, for JSON."""
    return {key: value if isinstance(value, str | int | float | bool | None) else str(value) for key, value in row.items()}
