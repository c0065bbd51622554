"""Read the table labels: of each entity the newest version of its outcome that the nights hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from nightloop.features.tables import label_revised_within

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Snapshot

SCORED, LABEL = "scored_night", "label"


def newest_labels(use_case: UseCase, labels: Snapshot) -> pa.Table:
    """Return scored night, key and label of each entity whose outcome stands, as known at the last night of the snapshot.

    Args:
        use_case: whose labels.
        labels: of the table labels, from the night on which the first wanted label matured, without a gap.
    """
    entity = [SCORED, *use_case.entity.key]
    if not label_revised_within(use_case):
        return labels.read([*entity, LABEL])
    rows = labels.read(["night", *entity, LABEL])
    newest = rows.group_by(entity).aggregate([("night", "max")]).rename_columns({"night_max": "night"})
    newest_rows = rows.join(newest, ["night", *entity], join_type="inner")
    return newest_rows.filter(newest_rows[LABEL].is_valid()).select([*entity, LABEL])
