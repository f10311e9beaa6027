"""The limit: an ASGI application that only decodes the image, runs the network and responds.

No framework, no check, no log, no metrics: no service in Python that does the same work can be much faster.
"""

import json
from io import BytesIO
from typing import Any

from PIL import Image
from starlette.types import Receive, Scope, Send

from tests.benchmarks.contestants.answer import answer


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Handle every request as a POST /predict with the image as the body."""
    body, more = b"", True
    while more:
        message: Any = await receive()
        body += message["body"]
        more = message["more_body"]
    content = json.dumps(answer(Image.open(BytesIO(body)))).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
