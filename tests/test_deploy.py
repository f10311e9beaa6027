"""The files in `deploy/` and `.github/` are valid and match the service."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app import __version__
from app.classifier.weights import DEFAULT_PATH, load
from app.main import create_api
from app.server.drain import HOLD_SECONDS
from app.server.healthcheck import find_port
from app.service import Service
from app.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSION = "1.34"
CORE = ("deployment", "service", "horizontalpodautoscaler", "poddisruptionbudget", "networkpolicy")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


DEPLOYMENT = read(KUBERNETES / "deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
INFERENCE_SERVICE = read(DEPLOY / "kserve" / "inferenceservice.yaml")
[KSERVE_CONTAINER] = INFERENCE_SERVICE["spec"]["predictor"]["containers"]


def test_manifests_are_valid() -> None:
    """KServe's container is validated in a pod, since Kubernetes' schemas do not include KServe."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": INFERENCE_SERVICE["metadata"]}
    pod["spec"] = {"containers": [KSERVE_CONTAINER]}
    for manifest in (*(read(KUBERNETES / f"{name}.yaml") for name in CORE), pod):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


SCHEMAS = {
    "vendor.github-workflows": [ROOT / ".github" / "workflows" / "ci.yml"],
    "vendor.dependabot": [ROOT / ".github" / "dependabot.yml"],
    "vendor.compose-spec": DEPLOY.glob("compose*.yaml"),
}


def test_schemas() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    for schema, files in SCHEMAS.items():
        checked = subprocess.run([program, "--builtin-schema", schema, *files], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout
    workflow = read(ROOT / ".github" / "workflows" / "ci.yml")
    assert workflow["jobs"]["ci"]["steps"][-1] == {"run": "bash .ci/run"}


def test_kustomization() -> None:
    kustomization = read(KUBERNETES / "kustomization.yaml")
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    assert [image["name"] for image in kustomization["images"]] == ["three-or-seven"]


def test_labels_and_ports_match() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    [port] = CONTAINER["ports"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
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
    assert (target["kind"], target["name"]) == (DEPLOYMENT["kind"], DEPLOYMENT["metadata"]["name"])


def test_ports_and_users_of_the_image_and_version_of_the_changelog() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    [port] = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    [user] = re.findall(r"^USER (\d+):\1$", dockerfile, re.MULTILINE)
    for container in (CONTAINER, KSERVE_CONTAINER):
        assert container["ports"][0]["containerPort"] == int(port)
    assert POD["securityContext"]["runAsUser"] == int(user)
    assert KSERVE_CONTAINER["securityContext"]["runAsUser"] == int(user)
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f"service:{port}" in (DEPLOY / "haproxy.cfg").read_text()
    assert read(DEPLOY / "prometheus.yaml")["scrape_configs"][0]["dns_sd_configs"][0]["port"] == int(port)


def test_paths_and_settings_exist() -> None:
    paths = create_api(Service(Settings(), load(DEFAULT_PATH))).openapi()["paths"]
    answered = {path.replace("{model}", "three-or-seven") for path, methods in paths.items() if "get" in methods}
    text = str(DEPLOYMENT) + str(INFERENCE_SERVICE) + str(read(KUBERNETES / "servicemonitor.yaml"))
    named = set(re.findall(r"'path': '([^']+)'", text))
    named |= set(re.findall(r"httpchk GET (\S+)", (DEPLOY / "haproxy.cfg").read_text()))
    assert len(named) >= 5
    assert named <= answered
    settings = {each["name"] for container in (CONTAINER, KSERVE_CONTAINER) for each in container.get("env", [])}
    settings |= set(read(DEPLOY / "compose.yaml")["services"]["service"]["environment"])
    assert settings
    assert settings <= {f"THREE_OR_SEVEN_{name.upper()}" for name in Settings.model_fields}


def test_termination_grace_period() -> None:
    """The period covers preStop, the drain, new connections and requests in flight."""
    drain = int(next(v["value"] for v in CONTAINER["env"] if v["name"] == "THREE_OR_SEVEN_DRAIN_SECONDS"))
    needed = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"] + drain + 1 + Settings().graceful_shutdown_seconds
    assert needed < POD["terminationGracePeriodSeconds"]


def test_docker_stop_timeout() -> None:
    """`docker stop` waits for 10 seconds by default."""
    needed = Settings().graceful_shutdown_seconds + HOLD_SECONDS * 1.5 + 1  # a second for the exit of the process
    assert Settings().drain_seconds + needed < 10
    service = read(DEPLOY / "compose.yaml")["services"]["service"]
    drain = service["environment"]["THREE_OR_SEVEN_DRAIN_SECONDS"]
    assert drain + needed < int(service["stop_grace_period"].removesuffix("s"))


@pytest.mark.parametrize(
    ("options", "port"),
    [("", 8000), ("--workers 2 --port 9000", 9000), ("--port=9001", 9001), ("--port 1 --port 2", 2)],
)
def test_health_check_finds_the_port(monkeypatch: pytest.MonkeyPatch, options: str, port: int) -> None:
    monkeypatch.setenv("THREE_OR_SEVEN_PORT", "8000")
    for command in (f"sh\0-c\0python -m app {options}\0", f"python -m app {options} ".replace(" ", "\0")):
        assert find_port(command.encode()) == port
