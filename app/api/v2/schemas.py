"""The documents of the Open Inference Protocol: what is in requests and in answers.

https://github.com/kserve/open-inference-protocol
"""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from app.classifier.pixels import DIGITS, IMAGE_SHAPE, PIXELS

INPUT = "image"
INPUT_KINDS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "UINT8": (np.uint8, IMAGE_SHAPE),
    "FP32": (np.float32, (PIXELS,)),
}
"""By the protocol's name of the type: NumPy's, and the shape of one image."""

OUTPUTS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "probabilities": ("FP32", "<f4", (len(DIGITS),)),
    "digit": ("INT64", "<i8", ()),
    "confident": ("BOOL", "?", ()),
}
"""By name: the protocol's type, NumPy's (binary tensors are little-endian), and the shape for one image."""

MOST_IMAGES = 2**31 - 1
"""Maximum number of images in a shape; the limit on bodies is far lower."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore")  # a client's own parameters


class InputParameters(_Document):
    """How an input is sent."""

    binary_data_size: int | None = Field(None, ge=0, description="bytes of the binary tensor, if it is one")


class OutputParameters(_Document):
    """How an output is wanted."""

    binary_data: bool | None = Field(None, description="whether as a binary tensor")


class RequestParameters(_Document):
    """How all outputs are wanted that do not say otherwise."""

    binary_data_output: bool = False


class RequestInput(_Document):
    """One tensor."""

    name: str = Field(examples=[INPUT])
    shape: list[Annotated[int, Field(ge=-1, le=MOST_IMAGES)]] = Field(max_length=3, examples=[[1, *IMAGE_SHAPE]])
    datatype: str = Field(description="UINT8 with the shape [n, 28, 28], or FP32 with [n, 784]", examples=["UINT8"])
    parameters: InputParameters | None = None
    data: list[Any] | None = Field(None, description="nested or flat; absent from a binary tensor")


class RequestOutput(_Document):
    """One output that is wanted."""

    name: str = Field(examples=["digit"])
    parameters: OutputParameters | None = None


class InferenceRequest(_Document):
    """Images to classify: light ink on a dark ground, 0 to 255 as UINT8 or 0 to 1 as FP32."""

    id: str | None = Field(None, description="comes back in the answer")
    parameters: RequestParameters | None = None
    inputs: list[RequestInput] = Field(max_length=1)
    outputs: list[RequestOutput] | None = Field(None, max_length=len(OUTPUTS), description="all, if none are named")


class TensorMetadata(BaseModel):
    """Name, type and shape of a tensor; -1 stands for the number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What the model takes and gives."""

    name: str
    versions: list[str]
    platform: str = "numpy"
    inputs: list[TensorMetadata] = [TensorMetadata(name=INPUT, datatype="UINT8", shape=[-1, *IMAGE_SHAPE])]
    outputs: list[TensorMetadata] = [
        TensorMetadata(name=name, datatype=datatype, shape=[-1, *shape])
        for name, (datatype, _, shape) in OUTPUTS.items()
    ]


class ServerMetadata(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str] = ["binary_tensor_data"]


class Liveness(BaseModel):
    """That the server runs."""

    live: bool


class Readiness(BaseModel):
    """Whether the server can predict."""

    ready: bool


class ModelReadiness(BaseModel):
    """Whether the model can predict."""

    name: str
    ready: bool


class ResponseOutput(TensorMetadata):
    """One tensor."""

    data: list[float] | list[int] | list[bool] | None = Field(None, description="flat; absent from a binary tensor")
    parameters: dict[str, int] | None = None


class InferenceResponse(BaseModel):
    """The answers, in the order of the images."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None


class InferenceError(BaseModel):
    """Why there is no answer."""

    error: str
