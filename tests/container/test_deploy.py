"""`deploy/compose.yaml` on a real engine, with Compose and as a stack on a swarm of one node."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from app.classifier.weights import DEFAULT_PATH, load, save
from tests.clients import Clients
from tests.conftest import ROOT
from tests.container.conftest import DEPLOY, docker, wait_until

COMPOSE_FILE = str(ROOT / "deploy" / "compose.yaml")
UP, DOWN, STACK = DEPLOY
PROJECT = "three-or-seven-test"
SERVICE = f"{PROJECT}_service"
PROXY = "three-or-seven-proxy:test"
PROXY_DOCKERFILE = """
FROM python:3.13-slim
RUN apt-get update && apt-get install --yes --no-install-recommends haproxy
USER haproxy
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
"""
"""HAProxy on the service's base image, in place of Docker Hub's image."""

NEXT = "2.0.0"


class Deployment:
    """A deployment of the compose file."""

    def __init__(self, image: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.environment = os.environ | {"IMAGE": image, "PROXY_IMAGE": PROXY, "PORT": str(port)}
        self.environment["COMPOSE_PROJECT_NAME"] = PROJECT

    def run(self, *arguments: str) -> None:
        """Run a `docker` command with the environment of the compose file."""
        docker(*arguments, environment=self.environment)

    def ready(self) -> bool:
        """Whether the proxy reaches a replica."""
        try:
            return httpx2.get(f"{self.url}/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def wait_until_ready(self) -> None:
        wait_until(self.ready, lambda: docker("ps", "--all").stdout)

    @contextmanager
    def under_load(self, killed: int = 0) -> Iterator[Clients]:
        """Send requests during the block; none may fail, but one for each killed process.

        The proxy sends an unanswered request to another replica. It cannot take back a response of which a process has
        sent the head and not the body when it is killed: at most one, since it writes one response at a time.
        """
        with Clients(self.url).running() as clients:
            time.sleep(2)
            yield clients
            time.sleep(2)
        cut = [outcome for outcome in clients.outcomes.elements() if outcome.startswith("IncompleteRead(0 bytes read")]
        assert clients.outcomes.keys() - set(cut) == {"200"}, clients.outcomes
        assert len(cut) <= killed, clients.outcomes
        assert not clients.refused


@pytest.fixture(scope="module")
def proxy(image: str) -> None:
    docker("build", "--tag", PROXY, "-", given=PROXY_DOCKERFILE)


@pytest.fixture
def compose(image: str, proxy: None) -> Iterator[Deployment]:
    deployment = Deployment(image)
    try:
        deployment.run(*UP)
        yield deployment
    finally:
        deployment.run(*DOWN)


@pytest.fixture
def stack(image: str, proxy: None) -> Iterator[Deployment]:
    begun = docker("info", "--format", "{{.Swarm.LocalNodeState}}").stdout.strip() == "inactive"
    if begun:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    deployment = Deployment(image)
    try:
        deployment.run(*STACK[:2], "--resolve-image", "never", *STACK[2:-1], PROJECT)
        yield deployment
    finally:
        docker("stack", "rm", PROJECT)
        if begun:
            docker("swarm", "leave", "--force")


@pytest.mark.parametrize("command", [("compose", "--file", "config"), ("stack", "--compose-file", "config")])
def test_compose_file_with_prometheus(image: str, command: tuple[str, str, str]) -> None:
    kind, option, config = command
    files = [option, COMPOSE_FILE, option, COMPOSE_FILE.replace("compose.yaml", "compose.prometheus.yaml")]
    arguments = [kind, *files, config] if kind == "compose" else [kind, config, *files]
    found = yaml.safe_load(docker(*arguments).stdout)
    assert found["services"].keys() == {"service", "proxy", "prometheus"}


def test_compose_with_a_killed_replica(compose: Deployment) -> None:
    compose.wait_until_ready()
    replicas = docker("ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}").stdout.split()
    states = [json.loads(docker("inspect", "--format", "{{json .State}}", replica).stdout) for replica in replicas]
    assert sorted(state.get("Health", {}).get("Status", "none") for state in states) == ["healthy", "healthy", "none"]
    with compose.under_load(killed=1):
        docker("kill", next(r for r, state in zip(replicas, states, strict=True) if "Health" in state))


def test_swarm_update_and_rollback(stack: Deployment, image: str, tmp_path: Path) -> None:
    stack.wait_until_ready()
    running = ("service", "ps", SERVICE, "--filter", "desired-state=running", "--format", "{{.CurrentState}}")
    wait_until(lambda: docker(*running).stdout.count("Running") == 2, lambda: docker("service", "ps", SERVICE).stdout)
    weights = load(DEFAULT_PATH)
    save(tmp_path / DEFAULT_PATH.name, weights.parameters, replace(weights.metadata, version=NEXT))
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nCOPY {DEFAULT_PATH.name} weights/\n")
    docker("build", "--tag", f"{image}-next", str(tmp_path))
    unhealthy = f"FROM {image}\nHEALTHCHECK --interval=1s --retries=2 CMD false\n"
    docker("build", "--tag", f"{image}-bad", "-", given=unhealthy)
    with stack.under_load() as clients:
        assert update(f"{image}-next") == "completed"
    assert set(clients.versions) == {weights.metadata.version, NEXT}
    with stack.under_load() as clients:
        assert update(f"{image}-bad") == "rollback_completed"
    assert set(clients.versions) == {NEXT}


def update(image: str) -> Any:
    """Update the service to an image, wait for completion or rollback, and return the state."""
    docker("service", "update", "--quiet", "--no-resolve-image", "--image", image, SERVICE, check=False)
    return json.loads(docker("inspect", "--format", "{{json .UpdateStatus}}", SERVICE).stdout)["State"]
