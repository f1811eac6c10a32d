"""The typed training recipe: one YAML file says everything that makes one training run."""

import difflib
import json
from pathlib import Path
from typing import Any
from typing import Literal

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import model_validator
from pydantic import ValidationError
import yaml

from morngan_train.networks.discriminator import BRANCHES
from morngan_train.networks.discriminator import BranchName
from morngan_train.networks.generator import Stem


class RecipeError(Exception):
    """A recipe file is missing, is no YAML mapping, or has a field that does not exist or fit."""


class _Section(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True, strict=True)


class GeneratorRecipe(_Section):
    """Shape of both translators; the defaults are the paper's 11,665,297 parameters a direction."""

    ngf: int = Field(
        default=64, ge=1, description='base width; residual blocks have 4·ngf channels'
    )
    blocks: int = Field(
        default=9, ge=2, description='residual blocks, encoder and decoder together'
    )
    stem: Stem = Field(default='conv7', description='conv7 (paper) or shuffle (compact, for CPUs)')


class DiscriminatorRecipe(_Section):
    """Shape of the discriminators of each domain."""

    ndf: int = Field(default=64, ge=1, description='base width')
    branches: list[BranchName] = Field(default=list(BRANCHES), min_length=1)


class DayEnhancement(_Section):
    """Contrast of the day pictures: FLIR's are hazy, and the translator copies what it sees."""

    low: float = Field(
        default=0.0, ge=0, lt=50, description='percentile that becomes black; 0 is off'
    )
    high: float = Field(default=100.0, gt=50, le=100, description='percentile that becomes white')
    mean: float | None = Field(
        default=None, gt=0, lt=1, description='mean brightness reached by a gamma'
    )
    saturation: float = Field(default=1.0, ge=0, description='factor on the distance from grey')


class ThermalJitter(_Section):
    """Random contrast of thermal crops, so that colours depend on shapes and not on counts."""

    contrast: float = Field(default=0.0, ge=0, lt=1, description='gain is drawn from 1 ± contrast')
    gamma: float = Field(default=1.0, ge=1, description='exponent is drawn from [1/gamma, gamma]')
    noise: float = Field(
        default=0.0, ge=0, description='largest noise on aligned day thermal, of [0, 1]'
    )


class DataRecipe(_Section):
    """What is cut from the frames."""

    crop: int = Field(
        default=256, ge=32, multiple_of=4, description='side of a training crop, pixels'
    )
    scale: tuple[float, float] = Field(
        default=(1.0, 1.0), description='random scale before cropping'
    )
    canny: tuple[float, float] = Field(default=(0.1, 0.2), description='edge thresholds, of [0, 1]')
    day: DayEnhancement = DayEnhancement()
    thermal: ThermalJitter = ThermalJitter()


class OptimizerRecipe(_Section):
    """Adam, and the moving average whose weights are exported."""

    lr: float = Field(default=2e-4, gt=0)
    betas: tuple[float, float] = (0.5, 0.999)
    batch_size: int = Field(default=1, ge=1)
    ema: float = Field(
        default=0.999, ge=0, lt=1, description='decay a step; 0 exports the last weights'
    )
    pool: int = Field(default=50, ge=0, description='fakes remembered for each discriminator')


class LossRecipe(_Section):
    """Constant factors and options of the losses; what changes over time is in the phases."""

    adversarial: float = 1.0
    cycle: float = 10.0
    ssim_window: int = Field(default=3, ge=3)
    tv: float = 5.0
    sga: float = 0.5
    sga_threshold: float = Field(default=0.8, description='0.8 for FLIR, 0.44 for KAIST')
    gradient_padding: Literal['replicate', 'zeros'] = 'replicate'
    monochrome: float = 1.0
    aligned_chroma: float = Field(default=0.0, ge=0, description='colour part of the aligned term')
    aligned_blur: float = Field(
        default=1.0, ge=0, description='pixels, forgives imperfect registration'
    )


class Phase(_Section):
    """A stretch of epochs under the same terms."""

    name: str
    epochs: int = Field(ge=1)
    ssim: float = Field(default=1.0, ge=0, description='λ_ssim of the cycle')
    aligned: float = Field(
        default=0.0, ge=0, description='weight of the registered day pairs; 0 is off'
    )
    cgr: float = Field(default=0.0, ge=0, description='weight of conditional gradient repair')
    unpaired: bool = Field(
        default=True, description='false: only the aligned pairs, a cheap warm start'
    )
    lr_factor: float = Field(default=1.0, gt=0, le=10)

    @model_validator(mode='after')
    def _has_something_to_do(self) -> 'Phase':
        if not self.unpaired and self.aligned == 0:
            raise ValueError('a phase that is not unpaired needs a weight for aligned')
        if not self.unpaired and self.cgr > 0:
            raise ValueError('cgr needs unpaired night frames: remove it, or set unpaired: true')
        return self


class Recipe(_Section):
    """Everything that makes a run."""

    name: str
    description: str = ''
    seed: int = 0
    steps_per_epoch: int | None = Field(default=None, ge=1, description='default: max(N_A, N_B)')
    generator: GeneratorRecipe = GeneratorRecipe()
    discriminator: DiscriminatorRecipe = DiscriminatorRecipe()
    data: DataRecipe = DataRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    losses: LossRecipe = LossRecipe()
    phases: list[Phase] = Field(min_length=1)


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe file.

    Args:
        path: YAML file.

    Returns:
        The recipe.

    Raises:
        RecipeError: The file cannot be read, or a field does not exist or has the wrong type; the
            message names the field and, for a misspelt one, the nearest that exists.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f'{path}: cannot be read as YAML: {error}') from error
    if not isinstance(content, dict):
        raise RecipeError(f'{path}: a recipe is a YAML mapping, see config/train/ for examples')
    return parse_recipe(content, str(path))


def parse_recipe(content: dict[str, Any], source: str = 'recipe') -> Recipe:
    """Check the content of a recipe; `source` names it in errors. Raises RecipeError."""
    try:
        # YAML and JSON know no tuples; through JSON mode lists are taken for them, strictly typed.
        return Recipe.model_validate_json(json.dumps(content))
    except ValidationError as error:
        problems = '; '.join(_explain(content, dict(e)) for e in error.errors())
        raise RecipeError(f'{source}: {problems}') from error


def _explain(content: dict[str, Any], error: dict[str, Any]) -> str:
    where = '.'.join(str(part) for part in error['loc'])
    if error['type'] != 'extra_forbidden':
        return f'{where}: {error["msg"]} (got {error["input"]!r})'
    *parents, name = error['loc']
    known = _fields_at(parents)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f'did you mean {near[0]!r}?' if near else f'fields are {", ".join(known)}'
    return f'{where}: no such field; {hint}'


def _fields_at(parents: list[Any]) -> list[str]:
    """List the fields of the section that `parents` leads to; list indices are passed over."""
    section: type[BaseModel] = Recipe
    for part in parents:
        if isinstance(part, int):
            continue
        annotation: Any = section.model_fields[part].annotation
        section = annotation if isinstance(annotation, type) else annotation.__args__[0]
    return list(section.model_fields)
