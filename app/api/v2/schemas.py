"""The request and response documents of the Open Inference Protocol.

https://github.com/kserve/open-inference-protocol

msgspec checks requests against these classes while it parses them, and tells where a value is wrong. Unknown fields are
ignored, and null is the same as a missing optional field. Responses are dictionaries, which FastAPI describes.
"""

from typing import Annotated, ClassVar, NotRequired, TypeAlias

import msgspec
from msgspec import Meta, Struct
from pydantic import Field
from typing_extensions import TypedDict  # Pydantic reads those of `typing` only from Python 3.12 on

from app.api.openapi import Components
from app.classifier.pixels import IMAGE_SHAPE, PIXELS

INPUT = "image"

MAX_IMAGES = 2**31 - 1
"""Maximum number of images in a shape. `max_body_bytes` allows far fewer."""

Row: TypeAlias = Annotated[list[int], Meta(min_length=IMAGE_SHAPE[1], max_length=IMAGE_SHAPE[1])]
Rows: TypeAlias = Annotated[list[int | Row], Meta(min_length=IMAGE_SHAPE[0], max_length=IMAGE_SHAPE[0])]
Levels: TypeAlias = Annotated[list[float], Meta(min_length=PIXELS, max_length=PIXELS)]
DATA = Meta(description="nested or flat; absent from a binary tensor")


class TensorKind(Struct):
    """A kind of tensor: its datatype in the protocol, NumPy's type (little-endian), and the shape for one image."""

    datatype: str
    dtype: str
    shape: tuple[int, ...]


UINT8 = TensorKind("UINT8", "u1", IMAGE_SHAPE)
FP32 = TensorKind("FP32", "<f4", (PIXELS,))


class InputParameters(Struct):
    """Parameters of an input."""

    binary_data_size: Annotated[int, Meta(ge=0, description="size of the binary tensor")] | None = None


class Tensor(Struct, tag_field="datatype", omit_defaults=True):
    """An input tensor."""

    name: Annotated[str, Meta(examples=[INPUT])]
    shape: list[Annotated[int, Meta(ge=-1, le=MAX_IMAGES)]]
    parameters: InputParameters | None = None


class Uint8Tensor(Tensor, tag=UINT8.datatype):
    """Images with levels from 0 to 255, in the shape [n, 28, 28]."""

    kind: ClassVar = UINT8
    data: Annotated[list[int | Rows], DATA] | None = None


class Fp32Tensor(Tensor, tag=FP32.datatype):
    """Images with levels from 0 to 1, in the shape [n, 784]."""

    kind: ClassVar = FP32
    data: Annotated[list[float | Levels], DATA] | None = None


InputTensor: TypeAlias = Uint8Tensor | Fp32Tensor


class OutputParameters(Struct):
    """Parameters of a requested output."""

    binary_data: Annotated[bool, Meta(description="whether to return a binary tensor")] | None = None


class RequestedOutput(Struct):
    """A requested output."""

    name: Annotated[str, Meta(examples=["digit"])]
    parameters: OutputParameters | None = None


class RequestParameters(Struct):
    """Parameters of a request."""

    binary_data_output: Annotated[bool, Meta(description="whether outputs are binary tensors by default")] | None = None


class InferenceRequest(Struct, omit_defaults=True):
    """Images to classify: light digits on a dark background."""

    inputs: Annotated[list[InputTensor], Meta(max_length=1)]
    outputs: Annotated[list[RequestedOutput], Meta(max_length=3, description="all, by default")] | None = None
    parameters: RequestParameters | None = None
    id: Annotated[str, Meta(description="copied to the response")] | None = None


(REQUEST_SCHEMA,), _components = msgspec.json.schema_components(
    [InferenceRequest], ref_template="#/components/schemas/{name}"
)
REQUEST_COMPONENTS: Components = _components
"""The JSON schemas of requests, by the names of their classes."""


class TensorMetadata(TypedDict):
    """Name, type and shape of a tensor; -1 stands for the number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(TypedDict):
    """Inputs and outputs of the model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(TypedDict):
    """Name, version and extensions of the server."""

    name: str
    version: str
    extensions: list[str]


class Liveness(TypedDict):
    """Whether the server runs."""

    live: bool


class Readiness(TypedDict):
    """Whether the server can predict."""

    ready: bool


class ModelReadiness(TypedDict):
    """Whether the model can predict."""

    name: str
    ready: bool


class OutputSize(TypedDict):
    """Parameters of a binary output tensor."""

    binary_data_size: int


class ResponseOutput(TensorMetadata):
    """An output tensor."""

    data: NotRequired[
        Annotated[list[float] | list[int] | list[bool], Field(description="flat; absent from a binary tensor")]
    ]
    parameters: NotRequired[OutputSize]


class InferenceResponse(TypedDict):
    """The predictions, in the order of the images."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: NotRequired[str]


OUTPUTS = {
    "probabilities": TensorKind("FP32", "<f4", (2,)),
    "digit": TensorKind("INT64", "<i8", ()),
    "confident": TensorKind("BOOL", "?", ()),
}
"""The outputs, by name."""


def model_metadata(name: str, version: str) -> ModelMetadata:
    """Describe the inputs and outputs of the model."""
    return {
        "name": name,
        "versions": [version],
        "platform": "numpy",
        "inputs": [{"name": INPUT, "datatype": UINT8.datatype, "shape": [-1, *UINT8.shape]}],
        "outputs": [
            {"name": output, "datatype": kind.datatype, "shape": [-1, *kind.shape]} for output, kind in OUTPUTS.items()
        ],
    }
