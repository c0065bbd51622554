"""docker-compose.yml, checked without Docker: its schema, and that all it names exists."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from deploy import make_env
from nightloop.settings import REPOSITORY, Settings
from tests.deploy import compose

DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
SCHEMA = Path(__file__).parent / "compose_spec" / "compose-spec.json"
PROGRAMS = Path(sys.executable).parent
OURS = compose.ours()
# Programs of images that are not ours; each is the image's own documented command.
THEIRS = {"postgres": {"pg_isready"}, "minio": {"mc"}, "mailpit": {"/mailpit"}, "prometheus": {"wget"}, "grafana": {"wget"}}
MOUNTED = {"/opt/nightloop/feature_defs": "./feature_defs", "/opt/nightloop/great_expectations": "./great_expectations"}
WANTED = {
    *("postgres", "minio", "minio-init", "mlflow", "spark-master", "spark-worker", "spark-connect"),
    *("airflow-init", "airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
    *("service", "watch", "mailpit", "prometheus", "grafana"),
}


def copied() -> dict[str, Path]:
    """Path in the image -> path in the repository, of everything the Dockerfile copies."""
    found = {}
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE.read_text(), re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            found[f"{target}{Path(source).name}" if target.endswith("/") else target] = REPOSITORY / source
    return found


def test_the_file_is_as_the_compose_specification_says() -> None:
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(compose.document())] == []


def test_a_local_address_in_place_of_a_containers_is_not_replaced_again() -> None:
    moved = {"postgres:5432": "127.0.0.1:50007", "127.0.0.1:5000": "127.0.0.1:46029"}
    store = compose.environment("mlflow", make_env.variables(), **moved)["MLFLOW_BACKEND_STORE_URI"]
    assert store.endswith("@127.0.0.1:50007/mlflow")


def test_the_team_gets_every_server() -> None:
    assert set(compose.services()) == WANTED


def test_every_variable_is_a_secret_that_must_be_made() -> None:
    found = compose.VARIABLE.findall(compose.FILE.read_text())
    assert {rest for name, rest in found if name not in compose.OPTIONAL} == {":?run make env"}
    assert all(rest.startswith(":-") for name, rest in found if name in compose.OPTIONAL)


def test_no_secret_is_written_in_the_file() -> None:
    secret = re.compile(r"PASSWORD$|SECRET|TOKEN|FERNET|_KEY$")
    for name, service in compose.services().items():
        for key, value in service.get("environment", {}).items():
            if secret.search(key):
                assert str(value).startswith("${"), f"{name}: {key}"


@pytest.mark.parametrize("name", sorted(compose.services()))
def test_ports_are_bound_to_loopback(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in compose.services()[name].get("ports", []))


def test_no_two_services_want_one_port() -> None:
    ports = [port.split(":")[1] for service in compose.services().values() for port in service.get("ports", [])]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("name", sorted(set(compose.services()) - set(OURS)))
def test_images_of_others_are_pinned(name: str) -> None:
    image, _, tag = compose.services()[name]["image"].rpartition(":")
    assert image
    assert re.search(r"\d", tag), tag


def test_base_images_are_pinned_and_every_image_ends_as_an_unprivileged_user() -> None:
    text = DOCKERFILE.read_text()
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    names = [stage.split("\n")[0].split(" AS ") for stage in stages]
    assert [name for _, name in names] == ["service", "python", "platform"]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", names[0][0])
    for stage in stages:
        assert re.findall(r"^USER (.+)$", stage, re.MULTILINE)[-1] == "10001:10001"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_give_up_what_they_do_not_need(name: str) -> None:
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert OURS[name]["security_opt"] == ["no-new-privileges:true"]
    assert OURS[name]["build"]["dockerfile"] == "deploy/Dockerfile"
    assert OURS[name]["image"] == f"nightloop-{OURS[name]['build']['target']}:0.1.0"


@pytest.mark.parametrize("name", sorted(compose.services()))
def test_whoever_runs_on_has_a_health_check_and_is_waited_for(name: str) -> None:
    service = compose.services()[name]
    if not name.endswith("-init"):
        assert service["healthcheck"]["test"][0] == "CMD"
    for other, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other.endswith("-init") else "service_healthy"
        assert how["condition"] == wanted, other


def test_nobody_waits_for_each_other_in_a_circle() -> None:
    waits = {name: set(service.get("depends_on", {})) for name, service in compose.services().items()}
    while free := {name for name, others in waits.items() if not others}:
        waits = {name: others - free for name, others in waits.items() if name not in free}
    assert not waits


def commands() -> list[tuple[str, list[str]]]:
    started = [(name, service["command"]) for name, service in compose.services().items() if "command" in service]
    checked = [(name, s["healthcheck"]["test"][1:]) for name, s in compose.services().items() if "healthcheck" in s]
    return [*started, *checked]


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else value[0])
def test_every_program_exists_in_its_image(name: str, command: list[str]) -> None:
    program, *arguments = command
    if name not in OURS:
        assert (name == "minio" and program == "server") or program in THEIRS[name]
        return
    assert (PROGRAMS / program).exists(), f"{program} is not installed by requirements.txt"
    if program == "python" and arguments[0] == "-m":
        assert importlib.util.find_spec(f"{arguments[1]}.__main__")
    elif program == "python":
        assert copied()[f"/opt/nightloop/{arguments[0]}"].is_file()
    elif program == "spark-submit":
        assert "platform" in OURS[name]["image"]


def test_every_class_of_spark_is_in_the_jars_of_the_wheel() -> None:
    import zipfile

    jars = Path(importlib.util.find_spec("pyspark").submodule_search_locations[0]) / "jars"
    wanted = {word for name in OURS for word in OURS[name].get("command", []) if word.startswith("org.apache.spark.")}
    assert len(wanted) == 3
    for word in wanted:
        entry = word.replace(".", "/") + ".class"
        assert any(entry in zipfile.ZipFile(jar).namelist() for jar in jars.glob("spark-*.jar")), word


def test_everything_the_images_copy_exists_and_passes_the_ignore_file() -> None:
    ignore = (REPOSITORY / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignore[1] == "*"
    for source in copied().values():
        assert source.exists(), source
        assert f"!{source.relative_to(REPOSITORY)}" in ignore


def test_every_folder_a_volume_is_mounted_on_belongs_to_the_account_of_the_image() -> None:
    owned = re.findall(r"install --directory --owner=nightloop --group=nightloop (.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert len(owned) == 2
    volumes = [volume.split(":") for service in OURS.values() for volume in service.get("volumes", [])]
    mounted = {volume[1] for volume in volumes if volume[1:] != [volume[1], "ro"]}
    assert mounted == set(" ".join(owned).split())


def test_every_mounted_file_exists_and_every_volume_is_declared() -> None:
    declared = set(compose.document()["volumes"])
    used = set()
    for name, service in compose.services().items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (REPOSITORY / source).exists(), f"{name}: {source}"
                assert volume.endswith(":ro"), f"{name}: {source}"
            else:
                used.add(source)
    assert used == declared


def test_spark_and_airflow_see_the_lake_at_one_path_and_the_service_cannot_write_it() -> None:
    writers = {
        "spark-worker",
        "spark-connect",
        "airflow-api",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
    }
    for name in writers:
        assert {"lake:/var/lib/lake", "home:/var/lib/nightloop"} <= set(OURS[name]["volumes"]), name
        assert OURS[name]["environment"]["NIGHTLOOP_LAKE_URL"] == "/var/lib/lake"
        assert OURS[name]["environment"]["NIGHTLOOP_HOME"] == "/var/lib/nightloop"
    assert "lake:/var/lib/lake:ro" in OURS["service"]["volumes"]


def test_definitions_and_contracts_are_read_where_they_are_mounted_and_a_source_finds_its_files() -> None:
    for name, service in OURS.items():
        mounted = dict(volume.split(":")[1::-1] for volume in service.get("volumes", []) if volume.startswith("./"))
        reads = (
            service.get("environment", {}).get("NIGHTLOOP_LEDGER_URL") and "spark" not in name and not name.endswith("-init")
        )
        assert (mounted == MOUNTED) if reads else (not mounted), name
        for variable, folder in (("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
            assert not reads or service["environment"][f"NIGHTLOOP_{variable}"] == f"/opt/nightloop/{folder}"
    for name in ("airflow-scheduler", "airflow-api", "airflow-triggerer"):
        assert "data:/opt/nightloop/data:ro" in OURS[name]["volumes"]  # data/… starts at the parent of the definitions


@pytest.mark.parametrize("name", sorted(compose.services()))
def test_nobody_takes_all_of_the_machine_or_fills_its_disk_with_what_it_prints(name: str) -> None:
    service = compose.services()[name]
    limits = service["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+[MG]", limits["memory"]) and limits["cpus"] in {"0", "1"}  # more would not start on one processor
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


def test_every_choice_of_the_env_file_is_one_of_compose_and_has_its_default() -> None:
    named = set(re.findall(r"^# (\w+)=", make_env.CHOICES, re.M))
    assert named == set(compose.OPTIONAL)
    assert compose.services()["airflow-api"]["environment"]["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8080"


def test_every_setting_of_nightloop_exists() -> None:
    for name, service in OURS.items():
        for key in service.get("environment", {}):
            if key.startswith("NIGHTLOOP_"):
                assert key.removeprefix("NIGHTLOOP_").lower() in Settings.model_fields, f"{name}: {key}"


def test_every_setting_of_airflow_exists() -> None:
    import airflow

    written = yaml.safe_load((Path(airflow.__file__).parent / "config_templates" / "config.yml").read_text())
    for key in OURS["airflow-scheduler"]["environment"]:
        if key.startswith("AIRFLOW__"):
            section, option = key.removeprefix("AIRFLOW__").lower().split("__")
            assert option in written[section]["options"], key


def test_addresses_name_services_and_the_ports_they_open() -> None:
    opened = {"postgres": 5432, "mlflow": 5000, "spark-connect": 15002, "spark-master": 7077, "minio": 9000}
    opened |= {"airflow-api": 8080, "mailpit": 1025, "service": 8000, "prometheus": 9090, "watch": 9108}
    texts = [str(value) for service in OURS.values() for value in service.get("environment", {}).values()]
    texts += [word for service in OURS.values() for word in service.get("command", [])]
    texts += [(REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text()]
    texts += [(REPOSITORY / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()]
    named = {pair for text in texts for pair in re.findall(r"(?:[/@\[ ]|^)([a-z][a-z-]+):(\d{4,5})\b", text)}
    assert ("spark-connect", "15002") in named and ("service", "8000") in named
    for host, port in named - {("localhost", "5000")}:
        assert opened[host] == int(port), host


def test_the_service_has_no_port_beyond_loopback_without_its_token() -> None:
    assert OURS["service"]["environment"]["NIGHTLOOP_SERVICE_TOKEN"].startswith("${")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_script_of_the_databases_is_valid_shell() -> None:
    import subprocess

    script = REPOSITORY / "deploy" / "postgres" / "create-databases.sh"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
