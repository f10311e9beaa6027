"""MLServer: a custom runtime that reads pixels from JSON."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from PIL import Image

from tests.benchmarks.contestants.answer import answer


class ThreeOrSeven(MLModel):
    """A custom runtime."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        pixels = NumpyCodec.decode_input(payload.inputs[0]).astype(np.uint8).reshape(28, 28)
        given = answer(Image.fromarray(pixels))
        outputs = [
            NumpyCodec.encode_output("probabilities", np.array([list(given["probabilities"].values())], np.float32)),
            NumpyCodec.encode_output("digit", np.array([given["digit"]])),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
