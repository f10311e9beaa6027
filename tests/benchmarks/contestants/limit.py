"""The limit: an ASGI application that only decodes the image, runs the network and responds.

Concurrent requests share forward passes, as in the service. No framework, no check, no log, no metrics: a service in
Python that does the same work cannot be faster. `app` decodes with OpenCV, as the service does for the benchmark's
images; `pillow` with Pillow, as the other servers do.
"""

import io
import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image
from starlette.types import ASGIApp, Receive, Scope, Send

from app.batching import Microbatch
from tests.benchmarks.contestants.answer import classifier, describe

microbatch = Microbatch(classifier.predict)


def limit(decode: Callable[[bytes], Any]) -> ASGIApp:
    """Make an application from a function that decodes an image."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Handle every request as a POST /predict with the image as the body."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        image = decode(body)
        height, width = image.shape
        content = json.dumps(describe("PNG", height, width, await microbatch.classify(image))).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


app = limit(lambda body: cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE))
pillow = limit(lambda body: np.asarray(Image.open(io.BytesIO(body))))
