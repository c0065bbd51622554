"""Evidently's page of a night: what it cannot draw is said, and stops nothing."""

from __future__ import annotations

import pandas as pd
import pytest

from nightloop.reporting.drift_page import _evidently


@pytest.mark.parametrize("night", [pd.DataFrame({"price": pd.Series([], dtype=float)}), pd.DataFrame({"price": [None, None]})])
def test_a_night_without_a_value_has_a_page_that_says_so(night: pd.DataFrame) -> None:
    page = _evidently(pd.DataFrame({"price": [1.0, 2.0]}), night, psi_limit=0.2)
    assert "<body>" in page and "no values on both sides" in page
