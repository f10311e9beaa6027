"""Malicious and invalid files and requests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings

from app.errors import Problem

PLENTY = settings(
    max_examples=600 if os.environ.get("CI") == "true" else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@contextmanager
def problem_or_success() -> Iterator[None]:
    """Accept success and problems; any other exception fails the test."""
    try:
        yield
    except Problem as problem:
        assert problem.detail.endswith(".")  # noqa: PT017  # a valid outcome
