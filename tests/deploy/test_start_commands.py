"""Every start command of our own images, run as a plain process against real PostgreSQL, S3 and Java."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from nightloop.alerts import StoredAlert
from nightloop.alerts.addresses import smtp_server
from nightloop.alerts.message import Message
from nightloop.alerts.senders import EmailSender
from nightloop.ledger import Ledger
from nightloop.settings import REPOSITORY, load_settings
from tests.alerts.outboxes import alert
from tests.deploy.conftest import START_SECONDS, command, environment, health_address, started
from tests.fixtures_alerts import MailServer
from tests.ports import free_port

pytestmark = pytest.mark.slow

HERE = "127.0.0.1"


def test_each_program_has_a_database_that_no_other_can_enter(databases: str, secrets: dict[str, str]) -> None:
    names = {"airflow": "AIRFLOW_DB_PASSWORD", "mlflow": "MLFLOW_DB_PASSWORD", "ledger": "LEDGER_DB_PASSWORD"}
    for owner, variable in names.items():
        for database in names:
            address = f"postgresql+psycopg2://{owner}:{secrets[variable]}@{databases}/{database}"
            engine = sa.create_engine(address, poolclass=sa.NullPool)
            if owner == database:
                with engine.begin() as connection:
                    connection.exec_driver_sql("CREATE TABLE probe (n int); DROP TABLE probe")
            else:
                with pytest.raises(sa.exc.OperationalError, match="permission denied"):
                    engine.connect()


@pytest.fixture(scope="module")
def mlflow_server(
    databases: str, secrets: dict[str, str], moto_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """MLflow as the team has it: facts in PostgreSQL, artifacts in S3 through the server."""
    port = str(free_port())
    addresses = {"postgres:5432": databases, "http://minio:9000": moto_url, "127.0.0.1:5000": f"127.0.0.1:{port}"}
    folder = tmp_path_factory.mktemp("mlflow")
    env = environment("minio-init", secrets, addresses)
    words = command("minio-init", {}, {"deploy/": f"{REPOSITORY}/deploy/"})
    assert subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout == "bucket mlflow made\n"
    moved = {"0.0.0.0": HERE, "5000": port, "2": "1"}
    with started(
        command("mlflow", moved), environment("mlflow", secrets, addresses), health_address("mlflow", {"5000": port}), folder
    ):
        yield f"http://{HERE}:{port}"


def test_mlflow_keeps_facts_in_postgresql_and_artifacts_in_the_object_store(
    mlflow_server: str, databases: str, secrets: dict[str, str], moto: str, tmp_path: Path
) -> None:
    import boto3
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_server)
    run = client.create_run(client.create_experiment("of a test"))
    (tmp_path / "card.md").write_text("# card")
    client.log_artifact(run.info.run_id, str(tmp_path / "card.md"))
    kept = boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="mlflow")["Contents"]
    assert [item["Key"] for item in kept if item["Key"].startswith("artifacts/") and item["Key"].endswith("card.md")]
    address = f"postgresql+psycopg2://mlflow:{secrets['MLFLOW_DB_PASSWORD']}@{databases}/mlflow"
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 1


@pytest.mark.parametrize(("host", "status"), [("mlflow:5000", 200), ("localhost:5000", 200), ("evil.example", 403)])
def test_mlflow_answers_the_names_of_the_team_and_no_other(mlflow_server: str, host: str, status: int) -> None:
    answer = httpx.get(f"{mlflow_server}/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
    assert answer.status_code == status


def test_the_service_lives_before_there_is_a_champion_and_asks_for_its_token(
    databases: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    port = str(free_port())
    addresses = {"postgres:5432": databases, "/var/lib/lake": str(tmp_path / "lake"), "/var/lib/nightloop": str(tmp_path)}
    words = command("service", {"0.0.0.0": HERE, "8000": port})
    with started(words, environment("service", secrets, addresses), health_address("service", {"8000": port}), tmp_path):
        address = f"http://{HERE}:{port}"
        assert httpx.get(f"{address}/v1/models").status_code == 401
        headers = {"Authorization": f"Bearer {secrets['NIGHTLOOP_SERVICE_TOKEN']}"}
        models = httpx.get(f"{address}/v1/models", headers=headers).json()["models"]
        assert {model["use_case"]: model["ready"] for model in models}["flight_delay"] is False
        assert httpx.get(f"{address}/readyz").status_code == 503
    ledger = f"postgresql+psycopg2://ledger:{secrets['LEDGER_DB_PASSWORD']}@{databases}/ledger"
    assert Ledger.open(load_settings(home=tmp_path, ledger_url=ledger)).verify().events == 0


def test_the_watch_answers_prometheus_with_the_figures_of_every_use_case(
    databases: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    port = str(free_port())
    folders = {"/var/lib/lake": str(tmp_path / "lake"), "/var/lib/nightloop": str(tmp_path)}
    elsewhere = {host: f"{HERE}:{free_port()}" for host in ("airflow-api:8080", "service:8000", "spark-connect:15002")}
    words = command("watch", {"0.0.0.0": HERE, "9108": port})
    env = environment("watch", secrets, {"postgres:5432": databases, **folders, **elsewhere})
    with started(words, env, health_address("watch", {"9108": port}), tmp_path):
        give_up = time.monotonic() + START_SECONDS
        while "nightloop_part_up" not in (text := httpx.get(f"http://{HERE}:{port}/metrics").text):
            assert time.monotonic() < give_up, text
            time.sleep(0.2)
    assert 'nightloop_nights_owed{stage="ingest",use_case="flight_delay"}' in text
    assert 'nightloop_part_up{part="spark"} 0.0' in text and 'nightloop_part_up{part="ledger"} 1.0' in text


def test_airflow_comes_up_on_postgresql_and_lets_the_administrator_in(
    databases: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    port = str(free_port())
    folders = {"/var/lib/airflow-passwords": str(tmp_path / "passwords"), "/var/lib/airflow": str(tmp_path / "airflow")}
    addresses = {"postgres:5432": databases, **folders, "/opt/nightloop": str(REPOSITORY), "airflow-api:8080": f"{HERE}:{port}"}
    words = command("airflow-init", {}, {"deploy/": f"{REPOSITORY}/deploy/"})
    users = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,olga:op,ada:user,eve:viewer"}
    env = environment("airflow-init", secrets, addresses) | users
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    passwords = json.loads((tmp_path / "passwords" / "passwords.json").read_text())
    assert passwords["admin"] == secrets["AIRFLOW_ADMIN_PASSWORD"] and len(passwords) == 4
    words = command("airflow-api", {"0.0.0.0": HERE, "8080": port})
    env = environment("airflow-api", secrets, addresses) | users | {"AIRFLOW__API__WORKERS": "1"}
    with started(words, env, health_address("airflow-api", {"8080": port}), tmp_path):
        for password, status in ((secrets["AIRFLOW_ADMIN_PASSWORD"], 201), ("admin", 401)):
            answer = httpx.post(f"http://{HERE}:{port}/auth/token", json={"username": "admin", "password": password})
            assert answer.status_code == status
        assert httpx.get(f"http://{HERE}:{port}/api/v2/dags").status_code == 401
        assert {user: what_may(user, word, f"http://{HERE}:{port}") for user, word in passwords.items()} == {
            "admin": {"see", "trigger", "answer", "connect"},
            "olga": {"see", "trigger", "answer", "connect"},
            "ada": {"see", "trigger", "answer"},
            "eve": {"see"},
        }
    assert not any(word in (tmp_path / "log").read_text() for word in passwords.values())


def what_may(user: str, password: str, address: str) -> set[str]:
    """Return what Airflow does not forbid a user; there is no DAG yet, so what is allowed is not found."""
    token = httpx.post(f"{address}/auth/token", json={"username": user, "password": password}).json()["access_token"]
    asked = {
        "see": ("GET", "dags", None),
        "trigger": ("POST", "dags/none/dagRuns", {"logical_date": None}),
        "answer": ("PATCH", "dags/none/dagRuns/none/taskInstances/none/-1/hitlDetails", {"chosen_options": ["Approve"]}),
        "connect": ("POST", "connections", {"connection_id": f"of_{user}", "conn_type": "http"}),
    }
    headers = {"Authorization": f"Bearer {token}"}
    statuses = {
        what: httpx.request(method, f"{address}/api/v2/{path}", json=body, headers=headers).status_code
        for what, (method, path, body) in asked.items()
    }
    assert set(statuses.values()) <= {200, 201, 403, 404}, statuses
    return {what for what, status in statuses.items() if status != 403}


def test_the_mail_server_of_alerts_is_reached_without_encryption(secrets: dict[str, str], mail_server: MailServer) -> None:
    replaced = {"mailpit:1025": f"{HERE}:{mail_server.port}", "/opt/nightloop": str(REPOSITORY)}
    url = environment("airflow-scheduler", secrets, replaced)["NIGHTLOOP_SMTP_URL"]
    server = smtp_server(SecretStr(url))
    stored = StoredAlert("a1", alert(), datetime.now(UTC))
    EmailSender(server, ("team@localhost",)).send(Message("a1", (stored,)))
    assert mail_server.messages[0]["From"] == "nightloop@localhost"


@pytest.fixture(scope="module")
def spark_cluster(secrets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Master, worker and Connect server as the team has them; the address for NIGHTLOOP_SPARK_URL."""
    folder = tmp_path_factory.mktemp("cluster")
    master, web, worker_web, connect = (str(free_port()) for _ in range(4))
    addresses = {"/var/lib/lake": str(folder / "lake"), "/var/lib/nightloop": str(folder / "home"), "7077": master}
    words = {"7077": master, "8080": web, "8081": worker_web, "spark-master": HERE}
    parts = {
        "spark://spark-master:7077": f"spark://{HERE}:{master}",
        "/tmp/spark-": f"{folder}/",
        "0.0.0.0": HERE,
        "15002": connect,
        "driver.host=spark-connect": f"driver.host={HERE}",
        "/opt/nightloop": str(REPOSITORY),
    }
    small = {"SPARK_LOCAL_IP": HERE, "SPARK_DAEMON_MEMORY": "512m", "SPARK_WORKER_MEMORY": "1g", "TZ": "UTC"}

    def server(name: str, health: str) -> AbstractContextManager[object]:
        env = environment(name, secrets, addresses) | small
        return started(command(name, words, parts), env, health, folder / name)

    with (
        server("spark-master", health_address("spark-master", {"8080": web})),
        server("spark-worker", health_address("spark-worker", {"8081": worker_web})),
        server("spark-connect", health_address("spark-connect", {"15002": connect})),
    ):
        yield f"sc://{HERE}:{connect}"


def test_spark_answers_through_connect_and_its_workers_import_nightloop(spark_cluster: str, tmp_path: Path) -> None:
    from nightloop.engine import open_engine

    engine = open_engine("spark", load_settings(home=tmp_path, spark_url=spark_cluster))
    assert engine.query("select 1 + 1 as two", {}).to_pylist() == [{"two": 2}]
    answers = engine.map_files("tests.deploy.spark_function:where_am_i", [{"name": "a"}, {"name": "b"}])
    assert [answer["name"] for answer in answers] == ["a", "b"]
