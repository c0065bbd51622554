"""What must hold of a night's features before and after they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.definitions.use_case import UseCase
from nightloop.errors import ContractBroken
from nightloop.features.labels import SCORED
from nightloop.features.matching import find_matches, in_words
from nightloop.lake import Snapshot, filesystem
from nightloop.meaning.carrying import Lost
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.workspace import Workspace

OUTSIDE = "features_out_of_range"
LOST = "meaning_lost"
UNMATCHED = "outcomes_unmatched"


def check_keys(use_case: UseCase, night: Night, files: Sequence[str], snapshots: Mapping[str, Snapshot]) -> None:
    """Check that each record of the entity's source became one row with a key that no other row has.

    Args:
        use_case: names the key.
        night: for the message.
        files: Parquet files with the night's feature rows.
        snapshots: the input tables by name.

    Raises:
        ContractBroken: records share a key, or lack one; the contract lets them through.
    """
    source, key = use_case.entity.source, list(use_case.entity.key)
    n_records = sum(_metadata(path).num_rows for path in snapshots[f"raw_{source}"].files.get(night, ()))
    n_keys = _count_keys(key, files)
    if n_records != n_keys:
        raise ContractBroken(
            f"{n_records} records of source '{source}' have {n_keys} keys ({', '.join(key)}): some are repeated or missing.",
            where=f"{use_case.use_case}, night {night}",
            do=f"Let the contract of '{source}' set them aside (expect the key unique and not null), then ingest it again.",
        )


def _count_keys(key: Sequence[str], files: Sequence[str]) -> int:
    """Count the whole keys of a night, over all its files together: a repeated key may be in two of them."""
    keys = []
    for path in files:
        rows = _read(path, key)
        for name in key:
            rows = rows.filter(pc.is_valid(rows[name]))
        keys.append(rows)
    return int(pa.concat_tables(keys).group_by(key).aggregate([]).num_rows) if keys else 0


def _read(path: str, columns: Sequence[str]) -> pa.Table:
    store, place = filesystem(path)
    return pq.ParquetFile(place, filesystem=store).read(columns=columns)


def _metadata(path: str) -> pq.FileMetaData:
    store, place = filesystem(path)
    return pq.read_metadata(place, filesystem=store)


def record_out_of_range(use_case: UseCase, night: Night, files: Sequence[str], workspace: Workspace) -> dict[str, object]:
    """Count values outside the range their feature declares, return the counts, and record them in the ledger once.

    The files' own statistics answer for a night in which all is well, so nothing is read twice.
    """
    counts: dict[str, int] = {}
    for path in files:
        for name in _suspect_features(use_case, path):
            low, high = use_case.features[name].range or (float("-inf"), float("inf"))
            values = _read(path, [name])[name]
            outside = pc.sum(pc.or_(pc.less(values, low), pc.greater(values, high))).as_py() or 0
            counts[name] = counts.get(name, 0) + int(outside)
    counts = {name: count for name, count in counts.items() if count}
    if not counts:
        return {}
    # The ledger only now: SQLAlchemy is dear to import, and most nights record nothing.
    workspace.ledger.record(OUTSIDE, use_case.use_case, night=night, payload={"values": counts}, unless_repeated=True)
    return {"out_of_range": counts}


def record_lost(use_case: UseCase, night: Night, lost: Sequence[Lost], workspace: Workspace) -> dict[str, object]:
    """Record once which older meanings that champions need this night cannot have, with the reasons, and return them."""
    if not lost:
        return {}
    reasons = {item.feature: item.reason for item in lost}
    workspace.ledger.record(LOST, use_case.use_case, night=night, payload={"features": reasons}, unless_repeated=True)
    return {"lost": reasons}


def record_unmatched(
    use_case: UseCase,
    nights: Nights,
    files: Mapping[Night, Sequence[str]],
    snapshots: Mapping[str, Snapshot],
    workspace: Workspace,
) -> dict[Night, dict[str, object]]:
    """Return, and record once, of which nights' labels entities miss their outcome by how a key is written, or all of them do.

    Only nights are examined of which some entity got no label.

    Args:
        use_case: declares the label.
        nights: of the table labels.
        files: Parquet files with their rows.
        snapshots: the input tables by name.
        workspace: whose ledger keeps what was seen.
    """
    delay = timedelta(days=use_case.label.matures_after)
    entities, outcomes = (snapshots[f"raw_{source}"] for source in (use_case.entity.source, use_case.label.source))
    scored = [night - delay for night in nights if _lacks_labels(night - delay, entities, files.get(night, ()))]
    details: dict[Night, dict[str, object]] = {}
    for match in find_matches(use_case, scored, entities, outcomes) if scored else ():
        if match.has_trouble:
            night, sentence = match.scored_night + delay, in_words(use_case, match)
            payload = {
                "scored_night": str(match.scored_night),
                "matched": match.matched,
                "near_misses": match.near,
                "reason": sentence,
            }
            workspace.ledger.record(UNMATCHED, use_case.use_case, night=night, payload=payload, unless_repeated=True)
            details[night] = {"near_misses": match.near, "unmatched": sentence}
    return details


def _lacks_labels(scored_night: Night, entities: Snapshot, files: Sequence[str]) -> bool:
    """Whether the files have fewer labels of the scored night than it has entities."""
    count = sum(_metadata(path).num_rows for path in entities.files.get(scored_night, ()))
    labelled = sum(pc.sum(pc.equal(_read(path, [SCORED])[SCORED], scored_night)).as_py() or 0 for path in files)
    return bool(labelled < count)


def _suspect_features(use_case: UseCase, path: str) -> Iterator[str]:
    """Yield the features whose extremes in the file lie outside their range, or are not stored."""
    metadata = _metadata(path)
    column_of = {metadata.schema.column(i).name: i for i in range(metadata.num_columns)}
    for name, feature in use_case.features.items():
        if feature.range is None or name not in column_of:
            continue
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(column_of[name]).statistics
            if statistics is None or (
                statistics.has_min_max and (statistics.min < feature.range[0] or statistics.max > feature.range[1])
            ):
                yield name
                break
