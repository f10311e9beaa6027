"""What Swagger UI shows: true exchanges about the image of the self-test, and a refusal of every kind."""

import json
from typing import Any

from app.api.schemas import batch_response, prediction_response
from app.api.v2.codec import write_inference
from app.api.v2.schemas import INPUT, InferenceRequest, RequestInput
from app.classifier.pixels import IMAGE_SHAPE
from app.errors import (
    BatchTooLarge,
    BodyTimeout,
    BodyTooLarge,
    ContentEncoding,
    ImageBlank,
    ImageFormat,
    ImageMissing,
    ImageSize,
    ImageTooLarge,
    ImageUnreadable,
    InternalError,
    InvalidInference,
    InvalidParameter,
    Overloaded,
    Problem,
    Unauthorized,
    UnknownModel,
)
from app.problem_details import REQUEST_ID, problem_document
from app.self_test import sample
from app.service import Service

PROBLEMS: dict[type[Problem], Problem] = {
    type(problem): problem
    for problem in (
        InvalidInference('Send one input, named "image".'),
        Unauthorized("This service wants its API key in the header X-API-Key."),
        UnknownModel("There is no model 'another'; the only one is three-or-seven."),
        BodyTimeout("The body did not arrive within 30 seconds. Send it faster, or a smaller file."),
        BodyTooLarge("The body is larger than 12,582,912 bytes. Send a smaller file."),
        ImageTooLarge("The image has 12000 x 9000 pixels. Send at most 50,000,000 pixels."),
        ContentEncoding("The body is compressed. Send it as it is; images are compressed already."),
        ImageFormat("The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."),
        InvalidParameter("query.fit: Input should be a valid boolean, unable to interpret input."),
        BatchTooLarge("The form has more than 64 images. Send them in several requests."),
        ImageMissing('The form has "image". Send one image in the field "file".'),
        ImageUnreadable("The PNG image is truncated or corrupt. Save it again and send it whole."),
        ImageSize(
            "The image has 29 x 28 pixels. Send one of 28 x 28 pixels, or ask for it to be fitted, with ?fit=true in"
            " the URL."
        ),
        ImageBlank("The image shows no ink that stands out from its ground. Send one with a digit in it."),
        InternalError("This is a fault of the service, not of the request. Its log says more beside the request id."),
        Overloaded("The service has 100 requests in hand. Try again in a second."),
    )
}
"""One of each that a route answers with, as the service says it."""


def prediction(service: Service) -> Any:
    """The answer of `/predict`."""
    [answer] = service.classifier.predict(sample().pixels[None]).each()
    return json.loads(prediction_response(answer, sample(), service.metadata))


def batch(service: Service) -> Any:
    """The answer of `/predict/batch`, to an image and a file that is none."""
    predictions = service.classifier.predict(sample().pixels[None])
    problem = problem_document(PROBLEMS[ImageFormat], "/predict/batch", REQUEST_ID)
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
