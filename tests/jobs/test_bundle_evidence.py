"""What names an entity: of a key the parts that few entities share, and no time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from jobs.training.bundle_evidence import _naming

PAIRS = [(f"store-{store:03d}", f"product-{product}") for store in range(12) for product in range(9)]
TABLE = pa.table(
    {
        "store": [store for store, _ in PAIRS] * 2,
        "product": [product for _, product in PAIRS] * 2,
        "at": [date(2024, 1, 1)] * len(PAIRS) + [date(2024, 1, 2)] * len(PAIRS),
        "customer": [f"customer-{place}" for place in range(len(PAIRS))] * 2,
    }
)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (["at"], set()),
        (["customer"], {f"customer-{place}" for place in range(len(PAIRS))}),
        (["customer", "at"], {f"customer-{place}" for place in range(len(PAIRS))}),
        (
            ["store", "at", "product"],
            {f"store-{store:03d}" for store in range(12)},
        ),  # of 9 products; each product is in 12 stores
    ],
)
def test_times_and_what_many_entities_share_name_nobody(key: list[str], names: set[str]) -> None:
    assert set(_naming(TABLE, key, np.arange(TABLE.num_rows))) == names


def test_only_rows_of_the_sample_are_sought() -> None:
    assert _naming(TABLE, ["customer"], np.array([3, 5])) == ["customer-3", "customer-5"]
