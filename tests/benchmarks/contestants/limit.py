"""The limit: an ASGI application that only decodes the image, runs the network and responds.

Concurrent requests share forward passes, as in the service. No framework, no check, no log, no metrics: a service in
Python that does the same work cannot be much faster.
"""

import json
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from starlette.types import Receive, Scope, Send

from app.batching import Microbatch
from tests.benchmarks.contestants.answer import classifier, describe

microbatch = Microbatch(classifier.predict)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Handle every request as a POST /predict with the image as the body."""
    body, more = b"", True
    while more:
        message: Any = await receive()
        body += message["body"]
        more = message["more_body"]
    image = Image.open(BytesIO(body))
    content = json.dumps(describe(image, await microbatch.classify(np.asarray(image)))).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
