"""What can be set, from the environment (`THREE_OR_SEVEN_PORT=80`) and the command line (`--port 80`)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.classifier.weights import DEFAULT_PATH


class Settings(BaseSettings):
    """Tell handwritten threes from sevens over HTTP. In the environment, --port is THREE_OR_SEVEN_PORT, and so on."""

    model_config = SettingsConfigDict(
        env_prefix="THREE_OR_SEVEN_", cli_prog_name="python -m app", cli_kebab_case=True, cli_hide_none_type=True
    )

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every one of this machine")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 for any free one")
    weights: Path = Field(DEFAULT_PATH, description="the weights file")
    max_body_bytes: int = Field(
        12 * 1024 * 1024, ge=1024, description="largest request body; photos of a phone are below 12 MiB"
    )
    max_image_pixels: int = Field(
        50_000_000, ge=784, description="largest image, width times height; decoding takes memory for each pixel"
    )
    graceful_shutdown_seconds: int = Field(
        10, ge=0, description="how long requests may still take when the service is told to stop"
    )
