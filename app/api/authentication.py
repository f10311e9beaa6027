"""The API key, if one is set."""

import secrets
from collections.abc import Sequence

from fastapi import Security, params
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import SecretStr
from starlette.datastructures import Headers

from app.errors import Unauthorized

HEADER = "X-API-Key"
SCHEMES = (APIKeyHeader(name=HEADER, auto_error=False), HTTPBearer(auto_error=False))
"""Ways to send the key, for the OpenAPI schema."""


def authorize(api_key: SecretStr | None, headers: Headers) -> None:
    """Raise Unauthorized unless no key is required, or the key is in X-API-Key or, without that, a Bearer token."""
    if api_key is None:
        return
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    sent = headers.get(HEADER) or (token.strip() if scheme.lower() == "bearer" else "")
    if not sent:
        raise Unauthorized
    # Starlette decodes headers as Latin-1. The comparison takes the same time wherever the keys differ.
    if not secrets.compare_digest(sent.encode("latin-1"), api_key.get_secret_value().encode(errors="surrogateescape")):
        raise Unauthorized("The API key is wrong. Send the service's key in X-API-Key or `Authorization: Bearer KEY`.")


def described_key(api_key: SecretStr | None) -> Sequence[params.Depends]:
    """Return the dependencies that describe the key in the OpenAPI schema. `app.api.routing` checks it."""
    return [] if api_key is None else [Security(scheme) for scheme in SCHEMES]
