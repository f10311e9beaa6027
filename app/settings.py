"""The settings, from the environment (`THREE_OR_SEVEN_PORT=80`) and the command line (`--port 80`)."""

import os
import re
from difflib import get_close_matches
from logging import getLogger
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from typing_extensions import TypeAliasType

from app.classifier.weights import DEFAULT_PATH

PREFIX = "THREE_OR_SEVEN_"
NOT_SETTINGS = {PREFIX + name for name in ("MNIST", "MIRRORS", "HANDWRITING")}
"""Variables with the same prefix that the training and the tests use."""

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s*A-Z]+")
"""Pattern of a browser's `Origin` header: scheme, host and port, in lower case; or * for all origins."""


# Types whose names are the placeholders in the help of the command line.
HOST = TypeAliasType("HOST", str)
NUMBER = TypeAliasType("NUMBER", int)
SECONDS = TypeAliasType("SECONDS", float)
WHOLE_SECONDS = TypeAliasType("WHOLE_SECONDS", int)
FILE = TypeAliasType("FILE", Path)
KEY = TypeAliasType("KEY", SecretStr | None)
URLS = TypeAliasType("URLS", list[str])


class Settings(BaseSettings):
    """Tell a handwritten 3 from a 7 over HTTP. Environment variables set options too: THREE_OR_SEVEN_PORT=80."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, cli_kebab_case=True, cli_implicit_flags=True, cli_parse_none_str="not set"
    )

    host: HOST = Field("127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 listens on all interfaces")
    port: NUMBER = Field(8000, ge=0, le=65535, description="port to listen on; 0 chooses a free one")
    workers: NUMBER = Field(1, ge=1, description="number of processes; use at most one for each core")
    http: Literal["h11", "httptools"] = Field(
        "h11", description="HTTP/1.1 parser: h11 limits request headers; httptools is faster, for use behind a proxy"
    )
    weights: FILE = Field(DEFAULT_PATH, description="weights file")
    max_body_bytes: NUMBER = Field(12 * 1024 * 1024, ge=1024, description="maximum size of a request body")
    max_image_pixels: NUMBER = Field(50_000_000, ge=784, description="maximum width times height of an image")
    max_batch: NUMBER = Field(64, ge=1, description="maximum number of images in a request to /predict/batch")
    max_in_flight: NUMBER = Field(100, ge=1, description="maximum number of requests in flight in a worker")
    header_timeout_seconds: SECONDS = Field(
        10,
        gt=0,
        description="time after which a connection without a request in progress is closed; with httptools only after"
        " a response",
    )
    body_timeout_seconds: SECONDS = Field(30, gt=0, description="maximum time in which a request body must arrive")
    drain_seconds: SECONDS = Field(
        1, ge=0, description="time for which the service answers after SIGTERM, until load balancers notice"
    )
    graceful_shutdown_seconds: WHOLE_SECONDS = Field(
        7, ge=0, description="maximum time for requests in flight after the drain; `docker stop` waits for 10 s in all"
    )
    api_key: KEY = Field(
        None, description="key that clients must send; prefer the environment, as command lines are visible to others"
    )
    cors_origins: Annotated[URLS, NoDecode] = Field(
        [],
        description="origins of web pages that may call the service, separated by commas: https://a.example,https://b.example",
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="minimum level of log messages on stderr"
    )
    access_log: bool = Field(True, description="whether to log each request as a line of JSON on stdout")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: str | list[str]) -> list[str]:
        text = value if isinstance(value, str) else ",".join(value)
        origins = [origin for part in text.split(",") if (origin := part.strip().rstrip("/"))]
        if wrong := [origin for origin in origins if not ORIGIN.fullmatch(origin)]:
            message = "'{origin}' is not an origin. Write scheme and host in lower case, such as https://example.org"
            raise PydanticCustomError("origin", message, {"origin": wrong[0]})
        return origins

    @field_validator("api_key")
    @classmethod
    def _stripped(cls, value: SecretStr | None) -> SecretStr | None:
        """Remove white space around the key, which a header cannot have, such as the newline of a file."""
        if value is None:
            return None
        if not (key := value.get_secret_value().strip()):
            raise PydanticCustomError("empty", "The key is empty. Set one, or omit it to serve without a key")
        return SecretStr(key)

    @model_validator(mode="before")
    @classmethod
    def _report_unknown_variables(cls, values: object) -> object:
        known = [PREFIX + name.upper() for name in cls.model_fields]
        for name in sorted(name for name in os.environ if name.upper().startswith(PREFIX)):
            if name.upper() not in {*known, *NOT_SETTINGS}:
                [nearest] = get_close_matches(name.upper(), known, n=1, cutoff=0)
                getLogger("uvicorn.error").warning("%s is not a setting. Did you mean %s?", name, nearest)
        return values
