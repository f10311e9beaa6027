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


def guard(api_key: SecretStr | None) -> Sequence[Depends]:
    """What a guarded route depends on: nothing without a key, and so the OpenAPI schema names none either."""
    if api_key is None:
        return []
    wanted = api_key.get_secret_value().encode()

    async def check(sent: Annotated[str | None, Security(APIKeyHeader(name=HEADER, auto_error=False))]) -> None:
        # A header's bytes are decoded as Latin-1. The comparison takes as long for a near miss as for a far one.
        if not secrets.compare_digest((sent or "").encode("latin-1"), wanted):
            raise Unauthorized(f"This service wants its API key in the header {HEADER}.")

    return [Security(check)]
