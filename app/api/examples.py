"""What Swagger UI shows: true exchanges about the image of the self-test."""

import json
from typing import Any

from app.api.schemas import batch_response, prediction_response
from app.api.v2.codec import write_inference
from app.api.v2.schemas import INPUT, InferenceRequest, RequestInput
from app.classifier.pixels import IMAGE_SHAPE
from app.errors import ImageFormat
from app.problem_details import REQUEST_ID, problem_document
from app.self_test import sample
from app.service import Service


def prediction(service: Service) -> Any:
    """The answer of `/predict`."""
    [answer] = service.classifier.predict(sample().pixels[None]).each()
    return json.loads(prediction_response(answer, sample(), service.metadata))


def batch(service: Service) -> Any:
    """The answer of `/predict/batch`, to an image and a file that is none."""
    predictions = service.classifier.predict(sample().pixels[None])
    problem = problem_document(ImageFormat(), "/predict/batch", REQUEST_ID)
    return json.loads(batch_response(predictions, [sample(), problem], service.metadata))


def inference_request() -> InferenceRequest:
    """A request of the Open Inference Protocol, in JSON alone."""
    data = sample().pixels.ravel().tolist()
    return InferenceRequest(inputs=[RequestInput(name=INPUT, shape=[1, *IMAGE_SHAPE], datatype="UINT8", data=data)])


def inference(service: Service) -> Any:
    """The answer to that request."""
    predictions = service.classifier.predict(sample().pixels[None])
    body, _ = write_inference(inference_request(), predictions, service.metadata.name, service.metadata.version)
    return json.loads(body)
