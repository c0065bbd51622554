"""What a draft is made of, by what the sample's later nights show."""

from __future__ import annotations

import pyarrow.csv

from tests.benchmarks.drafted_sets import rentals


def test_a_number_that_runs_with_time_is_no_feature_nor_a_part_of_one(house):
    sample = rentals(1, nights=50)
    path = house.folder / "rentals.csv"
    pyarrow.csv.write_csv(sample.table, path)
    draft = house.draft(path, "rentals", label=sample.label, event_at=sample.event_at, search_steps=8)
    features = [line for line in draft.definition.splitlines() if line.startswith(("  ", "# ")) and "record" in line]
    assert "# record: it only grows or falls with time, so every later night is beyond what was learned" in features
    assert not [name for name, of in draft.use_case.features.items() if "record" in str(getattr(of, "expression", ""))]
    assert not [line for line in features if "per_record" in line or "less_record" in line or "record_mean" in line]
    assert [name for name in draft.use_case.features if "temperature" in name or "hour" in name]
