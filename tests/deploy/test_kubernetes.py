"""The manifests are as Kubernetes' own schemas say, fit each other, and give up what the service does not need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from nightloop.settings import Settings
from tests.deploy import compose

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes" / "service"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    document for name in KUSTOMIZATION["resources"] for document in yaml.safe_load_all((FOLDER / name).read_text())
]
VERSION = "1.34"


def of_kind(kind: str) -> dict[str, Any]:
    return next(item for item in OBJECTS if item["kind"] == kind)


POD = of_kind("StatefulSet")["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: f"{item['kind']} {item['metadata']['name']}")
def test_every_object_is_as_the_schema_of_kubernetes_says(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, VERSION, strict=True)


def test_the_schema_notices_a_wrong_field() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(of_kind("PodDisruptionBudget") | {"spec": {"maxUnavailabel": 1}}, VERSION, strict=True)


def test_every_file_is_part_of_it() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(
        path.name for path in FOLDER.glob("*.yaml") if path.stem != "kustomization"
    )


def test_all_that_selects_pods_selects_these() -> None:
    labels = of_kind("StatefulSet")["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        of_kind("StatefulSet")["spec"]["selector"]["matchLabels"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(item["spec"]["selector"] for item in OBJECTS if item["kind"] == "Service"),
    ]
    assert len(selectors) == 5
    assert all(selector.items() <= labels for selector in selectors)
    assert of_kind("StatefulSet")["spec"]["serviceName"] in {
        item["metadata"]["name"] for item in OBJECTS if item["kind"] == "Service"
    }
    target = of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("StatefulSet", of_kind("StatefulSet")["metadata"]["name"])


def test_the_pod_gives_up_what_it_does_not_need() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] == 10001  # the account of the image
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert CONTAINER["resources"]["limits"]["memory"]


def test_no_secret_stands_in_the_files() -> None:
    names = {item["name"] for item in CONTAINER["env"] if "value" in item}
    assert names == {"HOME", "NUMBA_CACHE_DIR"}
    text = "".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    assert not re.search(r"://[^\s/]+:[^\s/]+@", text)


def test_its_settings_are_those_of_nightloop() -> None:
    known = {f"NIGHTLOOP_{name.upper()}" for name in Settings.model_fields}
    named = {item["name"] for item in CONTAINER["env"]} | {
        literal.partition("=")[0] for literal in KUSTOMIZATION["configMapGenerator"][0]["literals"]
    }
    assert {name for name in named if name.startswith("NIGHTLOOP_")} <= known


def test_it_is_the_image_that_compose_builds() -> None:
    name, tag = compose.services()["service"]["image"].split(":")
    assert CONTAINER["image"] == name
    assert KUSTOMIZATION["images"] == [{"name": name, "newTag": tag}]


def test_a_pod_that_stops_has_time_to_answer_what_is_under_way() -> None:
    waits = int(re.search(r"sleep\((\d+)\)", CONTAINER["lifecycle"]["preStop"]["exec"]["command"][-1])[1])
    main = (Path(__file__).parents[2] / "serving" / "__main__.py").read_text()
    graceful = int(re.search(r"timeout_graceful_shutdown=(\d+)", main)[1])
    ready = CONTAINER["readinessProbe"]
    assert waits >= ready["periodSeconds"] * ready["failureThreshold"]
    assert POD["terminationGracePeriodSeconds"] > waits + graceful
    assert ready["httpGet"]["path"] == "/readyz"
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/healthz"
