"""The query parameters of the routes that read images."""

from collections import Counter
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from app.errors import InvalidParameter
from app.preprocessing.polarity import Ink


class Options(BaseModel, frozen=True):
    """Query parameters. Unknown ones are refused."""

    fit: bool = Field(False, description="find, scale and centre the digit in an image of any size, not only 28 x 28")
    ink: Ink = Field("auto", description="whether the digit is darker or lighter than its background")


class ExplainOptions(Options, frozen=True):
    """Query parameters of /explain."""

    colors: bool = Field(True, description="`false` shows the network's input alone, without colours.")


AnyOptions = TypeVar("AnyOptions", bound=BaseModel)


@lru_cache(maxsize=64)
def parse_options(model: type[AnyOptions], query: bytes) -> AnyOptions:
    """Validate a query string.

    Few query strings are in use, so that nearly all are found in the cache. Errors are not cached.
    Raises InvalidParameter if a parameter is unknown or repeated, RequestValidationError if a value is not valid.
    """
    sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    counts, known = Counter(name for name, _ in sent), model.model_fields
    if unknown := sorted(counts.keys() - known.keys()):
        raise InvalidParameter(f"Unknown query parameter {', '.join(unknown)}. Send any of {', '.join(known)}.")
    for name, count in counts.items():
        if count > 1:
            raise InvalidParameter(f"The query parameter {name} is given {count} times. Send it once.")
    try:
        return model.model_validate(dict(sent))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in errors]) from None
