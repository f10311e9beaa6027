"""The API key, if the service wants one."""

import secrets
from collections.abc import Sequence
from typing import Annotated

from fastapi import Security
from fastapi.params import Depends
from fastapi.security import APIKeyHeader
from pydantic import SecretStr

from app.errors import Unauthorized

HEADER = "X-API-Key"


def authorize(api_key: SecretStr | None, sent: str | None) -> None:
    """Raise Unauthorized unless the key was sent, or none is wanted."""
    if api_key is None:
        return
    # A header's bytes are decoded as Latin-1. The comparison takes as long for a near miss as for a far one.
    if not secrets.compare_digest((sent or "").encode("latin-1"), api_key.get_secret_value().encode()):
        raise Unauthorized


def guard(api_key: SecretStr | None) -> Sequence[Depends]:
    """What a guarded route depends on: nothing without a key, and so the OpenAPI schema names none either."""
    if api_key is None:
        return []

    async def check(sent: Annotated[str | None, Security(APIKeyHeader(name=HEADER, auto_error=False))]) -> None:
        authorize(api_key, sent)

    return [Security(check)]
