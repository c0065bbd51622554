"""Privacy: no key, no rare personal value and no row of the training set is in a file, however it is written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nightloop.evidence.gates.privacy import Secrets, judge_privacy, rare

ROWS = np.array([[1.0, 0.1234567, 2.7182818, 3.1415926], [np.nan, 5.0, 6.0, 7.0]])
SECRETS = Secrets(keys=["loan-00017", "loan-00018", "7"], personal={"customer_id": ["customer-9"]}, rows=ROWS)
CLEAN = {"card.md": b"# A card of 13,000 loans", "model.ubj": bytes(range(256))}


def judged(**files: bytes) -> Any:
    return judge_privacy(CLEAN | files, SECRETS)


def test_a_bundle_of_sums_passes_and_the_reason_counts_what_was_sought() -> None:
    verdict = judged()
    assert verdict.passed
    assert verdict.reason == "None of 2 keys, 1 row, 1 value of customer_id is in any of the 2 files."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"worst": "loan-00018"}', "holds 1 key"),
        (b"told customer-9 so", "holds 1 value of customer_id"),
        (json.dumps({"rows": ROWS[:1].tolist()}).encode(), "holds 1 row"),
        (json.dumps({"rows": ROWS[:1].tolist()}, indent=1).encode(), "holds 1 row"),
        (b"x" + ROWS[0].astype("<f8").tobytes(), "holds 1 row"),
        (b"xyz" + ROWS[0].astype("<f4").tobytes(), "holds 1 row"),
    ],
)
def test_whatever_names_a_person_fails_in_whichever_file(content: bytes, words: str) -> None:
    verdict = judged(reference=content)
    assert verdict.outcome == "fail" and verdict.reason == f"The file reference {words} of the training set."
    assert sum(figure.value for figure in verdict.figures) == 1


@pytest.mark.parametrize("content", [b"0.528loan-00018", b"loan-000180", b"xloan-00018", b"loan-00018_b"])
def test_a_part_of_a_longer_word_is_no_key(content: bytes) -> None:
    assert judged(reference=content).passed


@pytest.mark.parametrize(
    ("content", "is_there"),
    [
        (b"0.52841250000001", False), (b"00000001.5", False), (b"1100000001", False), (b"0.00000001", False),
        (b'"00000001"', True), (b"[7,00000001]", True), (b"00000001.0", True), (b"key 00000001. Next", True),
    ],
)  # fmt: skip
def test_a_key_of_digits_is_no_part_of_another_number(content: bytes, is_there: bool) -> None:
    verdict = judge_privacy({"probes.json": content}, Secrets(["00000001"], {}, np.empty((0, 4))))
    assert (verdict.outcome == "fail") == is_there


def test_short_texts_and_whole_numbers_are_no_sign() -> None:
    assert judged(**{"spec.json": b'{"reasons": 7, "edges": [5.0, 6.0, 7.0]}'}).passed


def test_without_anything_to_look_for_there_is_no_verdict() -> None:
    assert judge_privacy(CLEAN, Secrets([], {}, np.empty((0, 4)))).outcome == "not_enough_evidence"


@pytest.mark.parametrize(
    "secrets", [Secrets(["7", "1234"], {}, np.empty((0, 4))), Secrets([], {}, np.array([[1.0, 2.0, 0.5]]))]
)
def test_what_could_name_nobody_is_not_in_the_way(secrets: Secrets) -> None:
    verdict = judge_privacy({"bundle.json": b"7 1234 [1.0,2.0,0.5]"}, secrets)
    assert verdict.passed and verdict.reason.startswith("Nothing of the training set would name anybody")
    assert {item.group: item.n for item in verdict.figures} == {"keys": 0, "rows": 0}


def test_rare_is_what_fewer_than_ten_rows_share() -> None:
    assert rare(["female"] * 10 + ["customer-9"] * 9 + ["x1"]) == ["customer-9"]
