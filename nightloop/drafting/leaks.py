"""Find columns that tell the outcome almost by themselves in the sample: most were written after it was known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.names import literal
from nightloop.drafting.roles import Label

if TYPE_CHECKING:
    import duckdb

SUSPICIOUS = 0.97
FEWEST = 50


def suspicious(session: duckdb.DuckDBPyConnection, columns: Sequence[ColumnProfile], label: Label) -> dict[str, str]:
    """Return, by name of the column, why it is not to be a feature before someone has looked.

    For two classes the figure is the AUC of the column alone (of its categories' rates, where they are few); for a number
    the absolute correlation. A column missing for one class only is told too.
    """
    outcome = outcome_sql(label)
    if outcome is None:
        return {}
    reasons: dict[str, str] = {}
    for column in columns:
        figure = _figure(session, column, outcome, label.task)
        if figure is not None and figure >= SUSPICIOUS:
            measure = "AUC" if label.task == "binary" else "correlation"
            reasons[column.name] = (
                f"check: alone it tells the outcome ({measure} {figure:.2f} in the sample); known only afterwards?"
            )
    return reasons


def outcome_sql(label: Label) -> str | None:
    """Return SQL of the outcome as a number; None where classes have no order."""
    if label.task == "multiclass":
        return None
    value = f"try({label.column.sql})"
    return f"({value} = {_literal(label.positive)})::int" if label.task == "binary" else f"{value}::double"


def _literal(value: object) -> str:
    return literal(value) if isinstance(value, str) else str(value).lower()


def _figure(session: duckdb.DuckDBPyConnection, column: ColumnProfile, outcome: str, task: str) -> float | None:
    if column.is_category and column.type != "integer":
        x = "avg(y) OVER (PARTITION BY value)"
    elif column.type in ("integer", "number"):
        x = "value::double"
    else:  # of times and names only that they are missing can tell
        x = "CASE WHEN value IS NOT NULL THEN 1 END"
    # The sample's columns go no further than the innermost query: one of them may be called x, y or value.
    values = f"SELECT try({column.sql}) AS value, {outcome} AS y FROM text"
    rows = f"SELECT {x} AS x, y FROM ({values}) WHERE y IS NOT NULL"
    if task == "binary":
        alone, missing = _auc("x"), _auc("(x IS NULL)::int")
        figure = f"SELECT greatest({alone}, 1 - {alone}, {missing}, 1 - {missing})"
    else:
        figure = f"SELECT abs(corr(x, y)) FROM observed HAVING count(*) >= {FEWEST} AND var_pop(x) > 0 AND var_pop(y) > 0"
    rows_of_figure = session.sql(f"WITH observed AS MATERIALIZED ({rows}) {figure}").fetchall()
    return float(rows_of_figure[0][0]) if rows_of_figure and rows_of_figure[0][0] is not None else None


def _auc(x: str) -> str:
    """SQL of the area under the ROC curve by ranks (Mann and Whitney 1947), ties counted half."""
    present = f"(SELECT {x} AS v, y FROM observed WHERE {x} IS NOT NULL)"
    ranked = f"(SELECT y, (rank() OVER (ORDER BY v) + (count(*) OVER (PARTITION BY v) - 1) / 2.0) AS r FROM {present})"
    return (
        f"(SELECT (sum(r) FILTER (WHERE y = 1) - sum(y) * (sum(y) + 1) / 2.0) / nullif(sum(y) * (count(*) - sum(y)), 0) "
        f"FROM {ranked} HAVING count(*) >= {FEWEST})"
    )
