"""The request and response documents of the Open Inference Protocol. Unknown fields of requests are ignored.

https://github.com/kserve/open-inference-protocol
"""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from app.classifier.pixels import DIGITS, IMAGE_SHAPE, PIXELS

INPUT = "image"
INPUT_KINDS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "UINT8": (np.uint8, IMAGE_SHAPE),
    "FP32": (np.float32, (PIXELS,)),
}
"""Datatypes of the input: for each, NumPy's type and the shape of one image."""

OUTPUTS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "probabilities": ("FP32", "<f4", (len(DIGITS),)),
    "digit": ("INT64", "<i8", ()),
    "confident": ("BOOL", "?", ()),
}
"""Outputs: for each, the protocol's datatype, NumPy's (little-endian in binary tensors) and the shape for one image."""

MAX_IMAGES = 2**31 - 1
"""Maximum number of images in a shape. `max_body_bytes` allows far fewer."""


class InputParameters(BaseModel):
    """Parameters of an input."""

    binary_data_size: int | None = Field(None, ge=0, description="size of the binary tensor")


class OutputParameters(BaseModel):
    """Parameters of a requested output."""

    binary_data: bool | None = Field(None, description="whether to return a binary tensor")


class RequestParameters(BaseModel):
    """Parameters of a request."""

    binary_data_output: bool = Field(False, description="whether outputs are binary tensors by default")


class RequestInput(BaseModel):
    """An input tensor."""

    name: str = Field(examples=[INPUT])
    shape: list[Annotated[int, Field(ge=-1, le=MAX_IMAGES)]] = Field(examples=[[1, *IMAGE_SHAPE]])
    datatype: str = Field(description="UINT8 with the shape [n, 28, 28], or FP32 with [n, 784]", examples=["UINT8"])
    parameters: InputParameters | None = None
    data: list[Any] | None = Field(None, description="nested or flat; absent from a binary tensor")


class RequestOutput(BaseModel):
    """A requested output."""

    name: str = Field(examples=["digit"])
    parameters: OutputParameters | None = None


class InferenceRequest(BaseModel):
    """Images to classify: light digits on a dark background, UINT8 from 0 to 255 or FP32 from 0 to 1."""

    id: str | None = Field(None, description="copied to the response")
    parameters: RequestParameters | None = None
    inputs: list[RequestInput] = Field(max_length=1)
    outputs: list[RequestOutput] | None = Field(None, max_length=len(OUTPUTS), description="all, by default")


class TensorMetadata(BaseModel):
    """Name, type and shape of a tensor; -1 stands for the number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """Inputs and outputs of the model."""

    name: str
    versions: list[str]
    platform: str = "numpy"
    inputs: list[TensorMetadata] = [TensorMetadata(name=INPUT, datatype="UINT8", shape=[-1, *IMAGE_SHAPE])]
    outputs: list[TensorMetadata] = [
        TensorMetadata(name=name, datatype=datatype, shape=[-1, *shape])
        for name, (datatype, _, shape) in OUTPUTS.items()
    ]


class ServerMetadata(BaseModel):
    """Name, version and extensions of the server."""

    name: str
    version: str
    extensions: list[str] = ["binary_tensor_data"]


class Liveness(BaseModel):
    """Whether the server runs."""

    live: bool


class Readiness(BaseModel):
    """Whether the server can predict."""

    ready: bool


class ModelReadiness(BaseModel):
    """Whether the model can predict."""

    name: str
    ready: bool


class ResponseOutput(TensorMetadata):
    """An output tensor."""

    data: list[float] | list[int] | list[bool] | None = Field(None, description="flat; absent from a binary tensor")
    parameters: dict[str, int] | None = None


class InferenceResponse(BaseModel):
    """The predictions, in the order of the images."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None


class InferenceError(BaseModel):
    """Description of an error."""

    error: str
