"""What is known only after the event: times that lie after it, and names that speak of what comes of a record."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.drafting.column_profile import ColumnProfile

MOSTLY = 0.9
"""Share of the records in which a time must lie after the event."""
FEWEST = 50
_PLANNED = (
    r"due|expir|plan|sched|promis|expect|deadline|valid|until|target|estimat|(^|_)eta(_|$)|(^|_)end|frist|faellig|fallig|soll"
)
_ENDINGS = {
    "English": (
        "duration|result|outcome|deliver|return|refund|clos(ed|ing|ure)|resol|recover|collect|charge_?off|settle|cancel|churn"
        "|reason|aftermath|final|actual|pymnt|payout|repaid|paid_back|completed|finished|discharge|terminat|elapsed|time_to_"
    ),
    "German": "dauer|ergebnis|geliefert|retour|ruckgabe|rueckgabe|erstatt|geschlossen|erledigt|storn|gekundigt|grund(_|$)",
    "French": "duree|resultat|livre(e|es|s)?(_|$)|rembours|clotur|annul|motif",
    "Spanish, Portuguese": "duraca?o|duracion|resultado|entreg|devol|devuel|reembols|cerrad|fechad|resuelt|resolvid|motivo",
    "Italian": "durata|risultato|esito|consegnat|restitui|rimbors|chius|risolt",
    "Dutch": "duur(_|$)|resultaat|uitkomst|geleverd|terugbetaal|gesloten|opgelost|geannuleerd",
    "Polish": "czas_trwania|wynik|dostarcz|zwrot|zamkni",
}
"""What names of columns say that a record is over, in small letters without accents, by language."""

Floats = NDArray[np.float64]


def speaks_of_an_end(name: str) -> bool:
    """Whether a column of this legal name likely tells what came of a record."""
    return any(re.search(words, name) for words in _ENDINGS.values())


def later_by(rows: pa.Table, column: ColumnProfile, event: ColumnProfile) -> Floats | None:
    """Return by how many days a time lies after the event in each record, NaN where one is missing; None if it mostly does not.

    A time that is planned by its name is known before: None for it.

    Args:
        rows: values of the columns by name.
        column: another time.
        event: when a record happened.
    """
    if column.type not in ("date", "timestamp") or re.search(_PLANNED, column.name):
        return None
    by_day = "date" in (column.type, event.type)
    days = _days(rows.column(column.name), by_day) - _days(rows.column(event.name), by_day)
    known = ~np.isnan(days)
    if known.sum() < FEWEST or np.mean(days[known] > 0) < MOSTLY:
        return None
    return days


def in_words(days: Floats) -> str:
    """Say how often and by how much a time lies after the event."""
    known = days[~np.isnan(days)]
    middle = float(np.median(known))
    by = f"{middle:.1f} days" if middle >= 1 else f"{middle * 24:.1f} hours"
    return f"in {np.mean(known > 0):.0%} of the records, by {by} in the middle"


def _days(values: pa.ChunkedArray, whole: bool) -> Floats:
    instants = values.cast(pa.timestamp("us"))
    if whole:
        instants = pc.floor_temporal(instants, unit="day")
    microseconds = instants.cast(pa.int64()).cast(pa.float64(), safe=False)
    return np.asarray(microseconds.to_numpy(), dtype=np.float64) / 86_400e6
