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

from app.classifier.weights import DEFAULT_PATH

PREFIX = "THREE_OR_SEVEN_"
NOT_SETTINGS = {PREFIX + name for name in ("MNIST", "MIRRORS", "HANDWRITING")}
"""Environment variables of the training and the tests."""

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s]+")
"""What a browser sends as `Origin`: scheme, host and port."""


class Settings(BaseSettings):
    """Tell handwritten threes from sevens over HTTP. In the environment, --port is THREE_OR_SEVEN_PORT, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every one of this machine")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 for any free one")
    workers: int = Field(1, ge=1, description="processes; more than there are cores gain nothing")
    http: Literal["h11", "httptools"] = Field(
        "h11",
        description="parser of HTTP/1.1: h11 bounds the memory of every request; httptools is faster, and right behind"
        " a proxy that does so",
    )
    weights: Path = Field(DEFAULT_PATH, description="the weights file")
    max_body_bytes: int = Field(
        12 * 1024 * 1024, ge=1024, description="largest request body; photos of a phone are below 12 MiB"
    )
    max_image_pixels: int = Field(
        50_000_000, ge=784, description="largest image, width times height; decoding takes memory for each pixel"
    )
    max_batch: int = Field(64, ge=1, description="most images in one request to /predict/batch")
    max_in_flight: int = Field(
        100, ge=1, description="maximum number of requests in flight in a worker; more are refused, and may try again"
    )
    header_timeout_seconds: float = Field(
        10, gt=0, description="maximum time of a connection without a request in progress; with h11 only"
    )
    body_timeout_seconds: float = Field(
        30, gt=0, description="how long a request body may take to arrive; 12 MiB in 30 s are 3.4 Mbit/s"
    )
    drain_seconds: float = Field(
        1,
        ge=0,
        description="how long the service goes on answering after SIGTERM, while it asks clients to go elsewhere;"
        " longer than a balancer takes to notice",
    )
    graceful_shutdown_seconds: int = Field(
        7, ge=0, description="how long requests may still take after that; `docker stop` kills after 10 s in all"
    )
    api_key: SecretStr | None = Field(
        None,
        description="key that clients must send; set it in the environment, since other users see a command line",
    )
    cors_origins: Annotated[list[str], NoDecode] = Field(
        [], description="web pages that may call the service, such as https://example.org; separated by commas"
    )
    log_level: Literal["critical", "error", "warning", "info", "debug"] = Field(
        "info", description="least level of the service's messages on stderr"
    )
    access_log: bool = Field(True, description="one line of JSON for each request, on stdout")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [origin for part in value.split(",") if (origin := part.strip().rstrip("/"))]

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                message = "'{origin}' is not an origin. Write scheme and host, such as https://example.org"
                raise PydanticCustomError("origin", message, {"origin": origin})
        return origins

    @field_validator("api_key")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value():
            raise PydanticCustomError("empty", "The key is empty. Set one, or omit it to serve without a key")
        return value

    @model_validator(mode="before")
    @classmethod
    def _report_unknown_variables(cls, values: object) -> object:
        known = [PREFIX + name.upper() for name in cls.model_fields]
        for name in sorted(name for name in os.environ if name.upper().startswith(PREFIX)):
            if name.upper() not in {*known, *NOT_SETTINGS}:
                [nearest] = get_close_matches(name.upper(), known, n=1, cutoff=0)
                getLogger("uvicorn.error").warning("%s is not a setting. Did you mean %s?", name, nearest)
        return values
