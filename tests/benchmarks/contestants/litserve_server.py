"""LitServe: `python -m tests.benchmarks.contestants.litserve_server PORT`."""

import sys
from typing import Any

import litserve
from fastapi import Request
from PIL import Image

from tests.benchmarks.contestants.answer import answer


class ThreeOrSeven(litserve.LitAPI):
    """LitServe's hooks, in the order of their calls."""

    def setup(self, device: str) -> None: ...

    def decode_request(self, request: Request) -> Image.Image:
        return Image.open(request["file"].file)  # type: ignore[index]  # LitServe passes the form

    def predict(self, x: Image.Image) -> dict[str, Any]:
        return answer(x)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    # fast_queue: "uses ZeroMQ for high-throughput"; one process each for HTTP and for the network, its least.
    server = litserve.LitServer(ThreeOrSeven(), accelerator="cpu", fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
