"""BentoML: `bentoml serve tests.benchmarks.contestants.bentoml_service:ThreeOrSeven`."""

from io import BytesIO
from pathlib import Path
from typing import Any

import bentoml
from PIL import Image

from tests.benchmarks.contestants.answer import answer


@bentoml.service(workers=1, traffic={"timeout": 60})
class ThreeOrSeven:
    """A service with one method."""

    @bentoml.api
    async def predict(self, file: Path) -> dict[str, Any]:
        """Tell whether an image is a 3 or a 7. Async, so that no thread is needed."""
        return answer(Image.open(BytesIO(file.read_bytes())))
