"""Files and requests that are made to break the service."""

import os

from hypothesis import HealthCheck, settings

PLENTY = settings(
    max_examples=600 if os.environ.get("CI") == "true" else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
