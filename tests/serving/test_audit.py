"""Every answer that is given is in the audit: as many lines as a client counts, through restarts, kills and full disks."""

from __future__ import annotations

import errno
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from nightloop.errors import StoreDamaged, StoreUnavailable
from nightloop.settings import REPOSITORY
from serving import model_snapshot
from serving.audit import AuditLog
from serving.decisions import UnknownDecision, explained, made_again
from tests.serving.clinic import NIGHTS, SCORED, Clinic
from tests.serving.conftest import ready, wait_for

URL = "/v1/clinic_visits/predict"
NOW = datetime(2024, 1, 7, 12, tzinfo=UTC)


def audit(home: Path, when_full: Any = "refuse", milliseconds: float = 5) -> AuditLog:
    return AuditLog(home, milliseconds, when_full, lambda: NOW)


def lines(home: Path) -> list[dict[str, Any]]:
    """Every line of the audit; each is whole."""
    return [json.loads(line) for path in sorted((home / "audit").rglob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_as_many_answers_are_recorded_as_a_client_counts_through_restarts(clinic: Clinic) -> None:
    rows, counted = clinic.rows(NIGHTS.last), {}
    for _ in range(3):
        with ready(clinic, audit="refuse") as client:
            for number in range(40):
                body = {"rows": rows[:3]} if number % 10 == 0 else rows[number]
                answer = client.post(URL, json=body, headers={"X-Request-Id": f"r{number}"})
                counted[answer.headers["x-decision-id"]] = answer.json()
            assert client.post(URL, json={}).status_code == 422, "what is refused is no answer"
    recorded = {line["id"]: line["answers"] for line in lines(clinic.settings.home)}
    assert recorded == counted and len(counted) == 120
    assert len(lines(clinic.settings.home)) == 120


def test_a_line_holds_what_makes_the_answer_again_to_the_last_bit(clinic: Clinic) -> None:
    row = clinic.rows(NIGHTS.last)[0]
    with ready(clinic, audit="refuse") as client:
        answer = client.post(URL, json=row).json()
    (line,) = lines(clinic.settings.home)
    loaded = model_snapshot.load(clinic.workspace, clinic.use_case, model_snapshot.find(clinic.workspace, clinic.use_case))
    features = np.array(line["features"], dtype=np.float64)  # null: missing
    assert line["names"] == list(loaded.predictor.spec.features)
    assert loaded.predictor.predict(features).probability.tolist() == [answer["probability"]]
    assert (line["night"], line["model_version"], line["use_case"]) == (str(NIGHTS.last), 1, "clinic_visits")
    assert line["bundle_digest"] == loaded.identity.champion.bundle_digest
    assert {name: line["rows"][0][name] for name in row if name != "booked_at"} == {
        name: value for name, value in row.items() if name != "booked_at"
    }


def test_what_was_answered_before_the_window_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import sys, time; from datetime import datetime, UTC; from pathlib import Path; from serving.audit import AuditLog\n"
        f"log = AuditLog(Path({str(tmp_path)!r}), 20, 'refuse', lambda: datetime.now(UTC)); log.start()\n"
        "for number in range(500): log.add(b'{\"n\": %d}' % number)\n"
        "while log.written < 500: time.sleep(0.001)\n"
        "print('written', flush=True)\n"
        "number = 500\n"
        "while True: log.add(b'{\"n\": %d}' % number); number += 1; time.sleep(0.0005)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    assert process.stdout is not None and process.stdout.readline() == "written\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    numbers = [line["n"] for line in lines(tmp_path)]
    assert numbers == list(range(len(numbers))), "none is missing in between, none is torn"
    assert len(numbers) > 500


@pytest.mark.parametrize("policy", ["hashed", "plain", "none"])
def test_a_line_holds_the_callers_address_by_the_policy(clinic: Clinic, policy: str) -> None:
    row, home = clinic.rows(NIGHTS.last)[0], clinic.settings.home
    for _ in range(2):
        with ready(clinic, audit="refuse", audit_address=policy) as client:
            client.post(URL, json=row)
    first, second = (line["address"] for line in lines(home))
    assert first == second, "the key outlives the service"
    if policy != "hashed":
        assert first == {"plain": "127.0.0.1", "none": None}[policy] and not (home / "audit" / "address-key").exists()
        return
    key = (home / "audit" / "address-key").read_bytes()
    assert first == hmac.new(key, b"127.0.0.1", "sha256").hexdigest()[:32] and len(key) == 32
    assert (home / "audit" / "address-key").stat().st_mode & 0o777 == 0o600


class Disk:
    """A disk that takes half of what is written to it, and then nothing until it has room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self._write = os.write
        monkeypatch.setattr("serving.audit.os.write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if not self.is_full:
            return self._write(file, data)
        if len(data) > 1:
            return self._write(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_refuses_answers_until_it_has_room_and_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, log = Disk(monkeypatch), audit(tmp_path)
    log.add(b'{"n": 0}')
    log.flush()
    disk.is_full = True
    log.add(b'{"n": 1}')
    log.check()  # nobody knows yet
    log.flush()
    with pytest.raises(StoreUnavailable, match=r"could not be recorded \(No space left on device\)"):
        log.check()
    assert [line["n"] for line in lines(tmp_path)] == [0], "half a line is cut off"
    log.add(b'{"n": 2}')
    disk.is_full = False
    log.flush()
    log.check()
    assert [line["n"] for line in lines(tmp_path)] == [0, 1, 2]
    assert (log.written, log.lost) == (3, 0)


def test_where_the_operators_chose_so_answers_are_given_unlogged_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, log = Disk(monkeypatch), audit(tmp_path, "unlogged")
    disk.is_full = True
    log.add(b'{"n": 1}')
    log.flush()
    log.check()
    disk.is_full = False
    log.add(b'{"n": 2}')
    log.flush()
    assert [line["n"] for line in lines(tmp_path)] == [2]
    assert (log.written, log.lost) == (1, 1)


def test_an_orderly_end_writes_all_that_waits(tmp_path: Path) -> None:
    log = audit(tmp_path, milliseconds=3_600_000)
    log.start()
    for number in range(1000):
        log.add(b'{"n": %d}' % number)
    log.close()
    assert [line["n"] for line in lines(tmp_path)] == list(range(1000))
    (segment,) = (tmp_path / "audit" / "2024-01-07").iterdir()
    assert segment.stat().st_mode & 0o777 == 0o600


def test_a_service_whose_disk_is_full_says_so_and_goes_on_by_itself(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, row = Disk(monkeypatch), clinic.rows(NIGHTS.last)[0]
    with ready(clinic, audit="refuse", audit_milliseconds=2) as client:
        disk.is_full = True
        statuses = [client.post(URL, json=row).status_code]
        wait_for(lambda: statuses.append(client.post(URL, json=row).status_code) or statuses[-1] == 503)
        disk.is_full = False
        wait_for(lambda: statuses.append(client.post(URL, json=row).status_code) or statuses[-1] == 200)
        text = client.get("/metrics").text
    assert 'nightloop_audit_lines{outcome="lost"} 0.0' in text
    assert len(lines(clinic.settings.home)) == statuses.count(200)


def test_a_decision_is_shown_by_its_id_and_made_again_to_the_last_bit(clinic: Clinic) -> None:
    rows = clinic.rows(NIGHTS.last)
    with ready(clinic, audit="refuse", audit_milliseconds=1) as client:
        for body, query in (
            (rows[0], ""),
            (rows[1], "?reasons=false"),
            ({"rows": rows}, ""),
            (rows[2], f"?night={SCORED.first}"),
        ):
            answer = client.post(URL + query, json=body)
            address = f"/v1/clinic_visits/decisions/{answer.headers['x-decision-id']}"
            wait_for(lambda address=address: client.get(address).status_code == 200)
            shown = client.get(address).json()
            assert shown["is_rebuilt_to_the_last_bit"] is True
            assert shown["rebuilt"] == shown["answers"] == answer.json().get("predictions", [answer.json()])
            assert list(shown["features"][0]) == shown["names"]
        for unknown in ("20240107-0123456789abcdef", "..", "20240107-..%2F..", "x" * 300):
            assert client.get(f"/v1/clinic_visits/decisions/{unknown}").status_code == 404


def test_an_answer_with_reasons_for_positive_decisions_is_made_again_as_it_was(clinic: Clinic) -> None:
    rows = clinic.rows(NIGHTS.last)
    with ready(clinic, audit="refuse") as client:
        client.post(URL, json={"rows": rows})
    (line,) = lines(clinic.settings.home)
    model = clinic.use_case.model.model_copy(update={"reasons_for": "decided"})
    use_case = clinic.use_case.model_copy(update={"model": model})
    loaded = model_snapshot.load(clinic.workspace, use_case, model_snapshot.find(clinic.workspace, use_case))
    answers = orjson.loads(orjson.dumps(loaded.answers(rows)))
    of_all = line["answers"]["predictions"]
    assert {answer["decision"] for answer in answers} == {True, False}
    assert answers == [answer if answer["decision"] else answer | {"reasons": []} for answer in of_all]
    for some in (
        answers,
        [answer for answer in answers if answer["decision"]],
        [answer for answer in answers if not answer["decision"]],
    ):
        places = [place for place, answer in enumerate(answers) if answer in some]
        stored = line | {"answers": {"predictions": some}}
        stored |= {name: [line[name][place] for place in places] for name in ("rows", "features")}
        assert made_again(clinic.workspace, clinic.use_case, stored)["is_rebuilt_to_the_last_bit"] is True
    changed = [*of_all[:-1], of_all[-1] | {"reasons": []}]
    assert made_again(clinic.workspace, clinic.use_case, line | {"answers": {"predictions": changed}})["rebuilt"] != changed


def test_a_line_that_was_changed_since_is_not_made_again(clinic: Clinic) -> None:
    with ready(clinic, audit="refuse") as client:
        decision = client.post(URL, json=clinic.rows(NIGHTS.last)[0]).headers["x-decision-id"]
    (segment,) = (clinic.settings.home / "audit").rglob("*.jsonl")
    (line,) = lines(clinic.settings.home)
    line["answers"]["decision"] = not line["answers"]["decision"]
    segment.write_bytes(orjson.dumps(line) + b"\n")
    assert explained(clinic.workspace, clinic.use_case, decision)["is_rebuilt_to_the_last_bit"] is False
    segment.write_bytes(orjson.dumps({**line, "bundle_digest": "of another"}) + b"\n")
    with pytest.raises(StoreDamaged, match="was made by the bundle of another"):
        explained(clinic.workspace, clinic.use_case, decision)
    segment.write_bytes(orjson.dumps({**line, "use_case": "others"}) + b"\n")
    with pytest.raises(UnknownDecision, match="use case 'clinic_visits' has no decision"):
        explained(clinic.workspace, clinic.use_case, decision)


@pytest.mark.parametrize(("days", "left"), [(1, 1), (2, 2), (3, 2), (4, 3)])
def test_days_older_than_lines_are_kept_for_go_and_nothing_else(tmp_path: Path, days: int, left: int) -> None:
    names = ["2024-01-07", "2024-01-06", "2024-01-04", "2023-12-31", "notes"]
    for name in names:
        (tmp_path / "audit" / name).mkdir(parents=True)
        (tmp_path / "audit" / name / "1-1.jsonl").write_text("{}\n")
    log = AuditLog(tmp_path, 5, "refuse", lambda: NOW, days)
    log.start()
    wait_for(lambda: len(list((tmp_path / "audit").iterdir())) == left + 1)
    log.close()
    assert sorted(folder.name for folder in (tmp_path / "audit").iterdir()) == sorted([*names[:left], "notes"])


def test_without_a_number_of_days_every_line_stays(tmp_path: Path) -> None:
    (tmp_path / "audit" / "1999-01-01").mkdir(parents=True)
    log = audit(tmp_path)
    log.start()
    log.add(b"{}")
    wait_for(lambda: log.written == 1)
    log.close()
    assert (tmp_path / "audit" / "1999-01-01").exists()
