"""Say in plain words what a value should have been, for what pydantic calls its finding."""

from __future__ import annotations

import re
from typing import Any

from nightloop.errors import meant

_BY_TYPE = {
    "string_type": "Write a text; a number, a date or a yes that is meant as one needs quotes.",
    "bool_type": "Write true or false.",
    "list_type": "Write a list: [one, two].",
    "dict_type": "Write a mapping: {key: value}.",
    "model_type": "Write a mapping: {key: value}.",
    "model_attributes_type": "Write a mapping: {key: value}.",
    "tuple_type": "Write two numbers: [low, high].",
    "float_type": "Write a number, for example 0.5.",
    "int_type": "Write a whole number, for example 7.",
    "int_from_float": "Write a whole number, for example 7.",
    "date_type": "Write a day as YYYY-MM-DD.",
}


def expected(item: Any) -> str:
    """Return what is allowed, as a sentence, for one error of pydantic."""
    kind = str(item["type"])
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind.startswith("date"):
        return "Write a day that exists as YYYY-MM-DD."
    if kind == "literal_error":
        allowed = re.findall("'([^']*)'", item["ctx"]["expected"])
        return f"{meant(str(item['input']), allowed)}Allowed: {', '.join(allowed)}."
    if kind == "too_long" and item.get("ctx", {}).get("field_type") == "Tuple":
        return _BY_TYPE["tuple_type"]
    return f"{item['msg']}."
