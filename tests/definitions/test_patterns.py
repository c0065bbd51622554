"""Texts with a grammar of their own: which file patterns are accepted, and what is said of the others."""

from __future__ import annotations

import pytest

from nightloop.definitions.connectors import FilesConnector
from nightloop.definitions.patterns import files_fault, path_fault

PATHS = {
    # a path -> (without absolute: true, with it): a word of the refusal, or None
    "data/orders.csv": (None, None),
    "data/{night}/orders-*.csv": (None, None),
    "data/{night}/{night}-?.csv": (None, None),
    "data/..orders.csv": (None, None),
    "..": ("climbs out of its folder", "climbs out of its folder"),
    "../orders.csv": ("climbs out of its folder", "climbs out of its folder"),
    "data/../../orders.csv": ("climbs out of its folder", "climbs out of its folder"),
    "s3://bucket/../orders.csv": ("climbs out of its folder", "climbs out of its folder"),
    "/data/orders.csv": ("leads out of the folder", None),
    "~/orders.csv": ("leads out of the folder", None),
    "data/~orders.csv": (None, None),
    "data/{day}.csv": ("holds '{day}'", "holds '{day}'"),
    "data/{night}{}.csv": ("holds '{}'", "holds '{}'"),
    "data/{night.csv": ("holds '{night.csv'", "holds '{night.csv'"),
    "data/night}.csv": ("holds '}'", "holds '}'"),
    "data/**/orders.csv": ("holds '**' or a zero byte", "holds '**' or a zero byte"),
    "data/\0.csv": ("holds '**' or a zero byte", "holds '**' or a zero byte"),
    "s3://bucket/orders.csv": (None, None),
    "s3://bucket/{night}/*.csv": (None, None),
    "s3://bucket": ("names no bucket", "names no bucket"),
    "s3:///orders.csv": ("names no bucket", "names no bucket"),
    "s3://buck*t/orders.csv": ("names no bucket", "names no bucket"),
    "s3://buck?t/orders.csv": ("names no bucket", "names no bucket"),
    "s3://{night}/orders.csv": ("names no bucket", "names no bucket"),
    "data/s3://orders.csv": (None, None),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("absolute", [False, True])
def test_a_path_is_accepted_or_refused_in_words(path, absolute):
    expected, fault = PATHS[path][absolute], path_fault(path, absolute)
    if expected is None:
        assert fault is None
    else:
        assert fault is not None
        assert f"the pattern '{path}'" in fault[0]
        assert expected in fault[0]
        assert fault[1].startswith(("Write ", "{night} is the only", "Use * and ?"))


def fault_of(**declared):
    return files_fault(FilesConnector.model_validate({"kind": "files", **declared}))


WAITING = [
    ({"pattern": "data/{night}.csv"}, None),
    ({"pattern": "data/{night}.csv", "arrives_by": "03:00"}, None),
    ({"pattern": "data/{night}.csv", "complete_when": "data/{night}/_SUCCESS"}, None),
    ({"pattern": "data/{night}.csv", "complete_when": "../{night}"}, "the pattern '../{night}' climbs out"),
    ({"pattern": "/data/{night}.csv", "complete_when": "data/{night}"}, "the pattern '/data/{night}.csv' leads out"),
    ({"pattern": "/data/{night}.csv", "complete_when": "/{night}", "absolute": True}, None),
    ({"pattern": "data/all.csv", "arrives_by": "03:00"}, "speak of a night's own files, and the pattern 'data/all.csv'"),
    ({"pattern": "data/all.csv", "complete_when": "data/{night}/_SUCCESS"}, "speak of a night's own files"),
    ({"pattern": "data/{night}.csv", "complete_when": "data/_SUCCESS"}, "complete_when: 'data/_SUCCESS' does not name one"),
    ({"pattern": "data/{night}.csv", "complete_when": "data/{night}/*"}, "does not name one file a night"),
    ({"pattern": "data/{night}.csv", "complete_when": "data/{night}/?"}, "does not name one file a night"),
]


@pytest.mark.parametrize(("declared", "expected"), WAITING)
def test_what_is_waited_for_is_one_file_of_the_night(declared, expected):
    fault = fault_of(**declared)
    if expected is None:
        assert fault is None
    else:
        assert fault is not None
        assert expected in fault[0]
        assert fault[1]
