"""That the files in `deploy/` are valid, and name what the service has."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.classifier.weights import DEFAULT_PATH, load
from app.main import create_api
from app.service import Service
from app.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSION = "1.34"
CORE = ("deployment", "service", "horizontalpodautoscaler", "poddisruptionbudget", "networkpolicy")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def environment_of(containers: list[dict[str, Any]]) -> set[str]:
    return {variable["name"] for container in containers for variable in container.get("env", [])}


@pytest.fixture(scope="module")
def deployment() -> Any:
    return read(KUBERNETES / "deployment.yaml")


@pytest.fixture(scope="module")
def inference_service() -> Any:
    return read(DEPLOY / "kserve" / "inferenceservice.yaml")


@pytest.fixture(scope="module")
def paths() -> set[str]:
    """What the service answers to GET."""
    schema = create_api(Service(Settings(), load(DEFAULT_PATH))).openapi()
    found = {path for path, methods in schema["paths"].items() if "get" in methods}
    return {path.replace("{model}", "three-or-seven") for path in found}


@pytest.mark.parametrize("name", CORE)
def test_a_manifest_is_valid(name: str) -> None:
    kubernetes_validate.validate(read(KUBERNETES / f"{name}.yaml"), VERSION, strict=True)


def test_the_kserve_container_is_valid(inference_service: Any) -> None:
    """KServe makes a pod of it; its own schema is no part of Kubernetes'."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": inference_service["metadata"],
        "spec": {"containers": inference_service["spec"]["predictor"]["containers"]},
    }
    kubernetes_validate.validate(pod, VERSION, strict=True)


def test_kustomize_takes_every_file() -> None:
    kustomization = read(KUBERNETES / "kustomization.yaml")
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    assert [image["name"] for image in kustomization["images"]] == ["three-or-seven"]


def test_what_belongs_together_names_the_same(deployment: Any) -> None:
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    service = read(KUBERNETES / "service.yaml")["spec"]
    assert service["selector"] == labels
    assert service["ports"][0]["targetPort"] == port["name"]
    policy = read(KUBERNETES / "networkpolicy.yaml")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["ingress"][0]["ports"][0]["port"] == port["name"]
    assert read(KUBERNETES / "poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == labels
    monitor = read(KUBERNETES / "servicemonitor.yaml")["spec"]
    assert monitor["selector"]["matchLabels"] == labels
    assert monitor["endpoints"][0]["port"] == service["ports"][0]["name"]
    target = read(KUBERNETES / "horizontalpodautoscaler.yaml")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])


def test_ports_and_users_are_the_images(deployment: Any, inference_service: Any) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    [port] = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    [user] = re.findall(r"^USER (\d+):\1$", dockerfile, re.MULTILINE)
    [in_pod] = deployment["spec"]["template"]["spec"]["containers"]
    [in_kserve] = inference_service["spec"]["predictor"]["containers"]
    for container in (in_pod, in_kserve):
        assert container["ports"][0]["containerPort"] == int(port)
    assert deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == int(user)
    assert in_kserve["securityContext"]["runAsUser"] == int(user)
    assert f"service:{port}" in (DEPLOY / "haproxy.cfg").read_text()
    assert read(DEPLOY / "prometheus.yaml")["scrape_configs"][0]["dns_sd_configs"][0]["port"] == int(port)


def test_paths_exist(deployment: Any, inference_service: Any, paths: set[str]) -> None:
    text = str(deployment) + str(inference_service) + str(read(KUBERNETES / "servicemonitor.yaml"))
    named = set(re.findall(r"'path': '([^']+)'", text))
    named |= set(re.findall(r"httpchk GET (\S+)", (DEPLOY / "haproxy.cfg").read_text()))
    assert len(named) >= 5
    assert named <= paths


def test_settings_exist(deployment: Any, inference_service: Any) -> None:
    named = environment_of(deployment["spec"]["template"]["spec"]["containers"])
    named |= environment_of(inference_service["spec"]["predictor"]["containers"])
    named |= set(read(DEPLOY / "compose.yaml")["services"]["service"]["environment"])
    assert named
    assert named <= {f"THREE_OR_SEVEN_{name.upper()}" for name in Settings.model_fields}


def test_there_is_time_to_end(deployment: Any) -> None:
    """preStop, the drain, the last connections and the requests in hand, in the time that Kubernetes gives."""
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    drain = int(next(v["value"] for v in container["env"] if v["name"] == "THREE_OR_SEVEN_DRAIN_SECONDS"))
    needed = container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain + 1 + Settings().graceful_shutdown_seconds
    assert needed < spec["terminationGracePeriodSeconds"]
