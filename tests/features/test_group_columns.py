"""The columns that the fairness gate divides by: group and attributes as texts, and one group where no gate applies."""

from __future__ import annotations

import pyarrow as pa

from nightloop.definitions.gates import FairnessGate
from nightloop.features.group_columns import attribute_columns, attributes_of, columns_of
from tests.features.in_memory import shop

ENTITIES = pa.table({"city": ["x", None, "y"], "vip": [True, False, None], "age": [1, 2, 2]})


def use_case(**gate: object):
    declared = shop({"basket": {"kind": "expression", "expression": "basket"}})
    gates = declared.gates.model_copy(update={"fairness": FairnessGate.model_validate(gate)})
    return declared.model_copy(update={"gates": gates})


def test_group_and_attributes_are_texts_and_what_is_missing_is_a_group_of_its_own() -> None:
    divided = use_case(group="city", metric="selection_rate_difference", maximum=0.5, attributes=["vip", "age"])
    columns = columns_of(divided, ENTITIES)
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "group": ["x", "unknown", "y"],
        "group-vip": ["true", "false", "unknown"],
        "group-age": ["1", "2", "2"],
    }
    assert attribute_columns(divided) == ["group-vip", "group-age"]
    table = pa.table({**columns, "label": [1, 2, 3]})
    assert {name: values.tolist() for name, values in attributes_of(table).items()} == {
        "vip": ["true", "false", "unknown"],
        "age": ["1", "2", "2"],
    }


def test_where_no_gate_applies_all_are_one_group() -> None:
    divided = use_case(none_because="Pumps.")
    assert {name: column.to_pylist() for name, column in columns_of(divided, ENTITIES).items()} == {"group": ["all"] * 3}
    assert attribute_columns(divided) == [] and attributes_of(ENTITIES) == {}
