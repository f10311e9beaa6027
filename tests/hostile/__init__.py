"""What wants to break the service."""

from hypothesis import HealthCheck, settings

PLENTY = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
