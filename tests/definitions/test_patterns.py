"""Texts with a grammar of their own: which cron lines and which file patterns are accepted, and what is said of the others."""

from __future__ import annotations

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from nightloop.definitions.connectors import FilesConnector
from nightloop.definitions.patterns import files_fault, path_fault, schedule_fault

ACCEPTED = [
    "0 2 * * *",
    "59 23 31 12 7",
    "0 0 1 1 0",
    "*/15 * * * *",
    "1-5/2 * * * *",
    "1/2 * * * *",
    "0,30 1-5 1,15 jan-dec mon-fri",
    "0 2 * JAN,Feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec *",
    "0 2 * * sun,mon,tue,wed,thu,fri,sat",
    "0 2 * * 0-7",
    "0 2 * * MON-FRI/2",
    "7-7 * * * *",
    "01 02 * * *",
    "0  2\t* * *",
]

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
REFUSED = {
    # a line, and the field that is named
    "60 2 * * *": "minute '60' is to be *, or numbers from 0 to 59",
    "0 24 * * *": "hour '24' is to be *, or numbers from 0 to 23",
    "0 2 0 * *": "day of the month '0' is to be *, or numbers from 1 to 31",
    "0 2 32 * *": "day of the month '32'",
    "0 2 * 0 *": "month '0' is to be *, or numbers from 1 to 12",
    "0 2 * 13 *": "month '13'",
    "0 2 * * 8": "day of the week '8' is to be *, or numbers from 0 to 7",
    "0 2 * mon *": "month 'mon'",
    "0 2 * * jan": "day of the week 'jan'",
    "0 2 * * sunday": "day of the week 'sunday'",
    "5-1 * * * *": "minute '5-1'",
    "0 2 * * fri-mon": "day of the week 'fri-mon'",
    "1-60 * * * *": "minute '1-60'",
    "1,60 * * * *": "minute '1,60'",
    "1,,2 * * * *": "minute '1,,2'",
    ", * * * *": "minute ','",
    "-1 * * * *": "minute '-1'",
    "1- * * * *": "minute '1-'",
    "*-5 * * * *": "minute '*-5'",
    "*/0 * * * *": "minute '*/0'",
    "*/01 * * * *": "minute '*/01'",
    "*/x * * * *": "minute '*/x'",
    "1.5 * * * *": "minute '1.5'",
    "١ * * * *": "minute '١'",  # a digit, but not one that a scheduler reads
    "² * * * *": "minute '²'",
    "0 2 l * *": "day of the month 'l'",
    "0 2 ? * *": "day of the month '?'",
    "0 2 * * 1#2": "day of the week '1#2'",
    "H 2 * * *": "minute 'H'",
}


@pytest.mark.parametrize("line", ACCEPTED)
def test_a_right_cron_line_is_accepted(line):
    assert schedule_fault(line) is None


@pytest.mark.parametrize("line", REFUSED)
def test_a_wrong_cron_line_is_refused_and_its_field_named(line):
    fault = schedule_fault(line)
    assert fault is not None
    assert fault.startswith(f"The {REFUSED[line]}")
    assert fault.endswith("as in 1, 1-5, 1,3 or */2.")


@pytest.mark.parametrize("line", ["", "0", "0 2 * *", "0 2 * * * *", "@daily", "   "])
def test_a_cron_line_has_five_fields(line):
    assert schedule_fault(line) == "Write five fields, for example '0 2 * * *'."


@pytest.mark.parametrize("place", range(5))
def test_the_first_wrong_field_is_the_one_named(place):
    fields = ["*"] * place + ["99"] * (5 - place)
    fault = schedule_fault(" ".join(fields))
    assert fault is not None
    assert fault.startswith(f"The {FIELDS[place]} '99'")


_ends = [st.integers(0, 60), st.integers(0, 25), st.integers(0, 33), st.integers(0, 14), st.integers(0, 9)]
_words = [
    st.nothing(),
    st.nothing(),
    st.nothing(),
    st.sampled_from(["jan", "DEC", "may"]),
    st.sampled_from(["sun", "Sat", "mon"]),
]


def _field(place):
    end = _ends[place].map(str) | _words[place]
    part = st.one_of(
        st.just("*"),
        end,
        st.tuples(end, end).map("-".join),
        st.tuples(end, end, st.integers(0, 70)).map(lambda p: f"{p[0]}-{p[1]}/{p[2]}"),
        st.integers(0, 70).map(lambda step: f"*/{step}"),
    )
    return st.lists(part, min_size=1, max_size=2).map(",".join)


@given(st.tuples(*map(_field, range(5))).map(" ".join))
def test_what_we_accept_croniter_reads_and_what_only_croniter_reads_runs_backwards(line):
    if schedule_fault(line) is None:
        assert croniter.is_valid(line), line
    elif croniter.is_valid(line):
        ends = [part.partition("/")[0] for field in line.split() for part in field.split(",")]
        assert any("-" in part for part in ends), f"{line} is refused, though no range in it can run backwards"


@pytest.mark.parametrize(
    "line", ["@daily", "* * * * * *", "* * L * *", "* * ? * ?", "* * * * 1#2", "R * * * *", "0 2 * * sat-sun"]
)
def test_what_only_croniter_reads_is_refused(line):
    assert croniter.is_valid(line)
    assert schedule_fault(line) is not None


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
