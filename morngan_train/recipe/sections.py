"""The base of everything that a recipe file can say."""

from pydantic import BaseModel
from pydantic import ConfigDict


class Section(BaseModel):
    """A part of a recipe: typed, read-only, without unknown fields."""

    model_config = ConfigDict(extra='forbid', frozen=True, strict=True)
