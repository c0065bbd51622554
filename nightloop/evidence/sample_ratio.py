"""Whether the arms of a split hold as many rows as their shares say: if not, something other than chance sorts them.

A chi-squared test of the counts. Its limit is far below the usual 5 per cent, for it is looked at again and again (Fabijan et
al. 2019, "Diagnosing sample ratio mismatch in online controlled experiments").
"""

from __future__ import annotations

from collections.abc import Mapping

from scipy.stats import chisquare

from nightloop.evidence.verdict import Figure, Verdict

ALPHA = 0.0005
LEAST_EXPECTED = 5.0  # rows of an arm below which the test's distribution is not that of chi-squared


def sample_ratio(rows: Mapping[str, int], shares: Mapping[str, float]) -> Verdict:
    """Return whether rows are divided as they should be.

    Args:
        rows: how many each arm has.
        shares: of each arm, above 0; together 1.
    """
    total = sum(rows.values())
    expected = {arm: share * total for arm, share in shares.items()}
    figures = tuple(Figure("rows_share", rows.get(arm, 0) / total, None, None, total, arm) for arm in shares) if total else ()
    counted = ", ".join(f"{arm} {rows.get(arm, 0):,} of {of:,.1f} expected" for arm, of in expected.items())
    if min(expected.values()) < LEAST_EXPECTED:
        return Verdict("sample_ratio", "not_enough_evidence", f"Too few rows to tell: {counted}.", figures)
    p = float(chisquare([rows.get(arm, 0) for arm in expected], list(expected.values())).pvalue)
    figures += (Figure("sample_ratio_p", p, None, None, total, least=ALPHA),)
    return Verdict("sample_ratio", "pass" if p >= ALPHA else "fail", f"{counted} (p = {p:.2g}).", figures)
