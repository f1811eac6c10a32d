"""The rows of each table: which recipe, trained on which data, tested on which.

What a method is stands in the recipes of `config/train`, made for FLIR at full size. Elsewhere, at
compact size or on KAIST, a row is the base recipe of that place with what tells the method from
`flir.yaml`, the whole of MornGAN. So the rows of a table differ by their methods alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import get_args
from typing import Literal

from morngan_ros.shipped import find_shared
from morngan_train.experiments.errors import ExperimentError
from morngan_train.recipe import load_recipe
from morngan_train.recipe import parse_recipe
from morngan_train.recipe import Recipe
from morngan_train.recipe import RecipeError
from morngan_train.recipe.phases import Term

TableName = Literal['table3', 'table4', 'table5', 'table6', 'table7', 'baselines']
Scale = Literal['compact', 'full']

PUBLISHED: dict[TableName, tuple[int, ...]] = {
    'table3': (3, 4),
    'table4': (4, 3),
    'table5': (5,),
    'table6': (6,),
    'table7': (7,),
    'baselines': (1, 2),
}
"""The paper's tables that our figures stand beside."""

ON_KAIST: tuple[TableName, ...] = ('table3', 'table4')
"""Their rows are the same, trained and tested on KAIST; each is printed beside the other."""

DIRECTIONS = {'kf': 'K→F', 'fk': 'F→K'}
"""How the names of rows of Table 6 end: trained on the first, tested on the second."""

METHOD = 'flir'
"""The recipe that all others are told from."""

ABLATION = {
    'table5_1_baseline': 'baseline',
    'table5_2_sc': '+SC',
    'table5_3_sdp': '+SDP',
    'table5_4_mgca': '+MGCA',
    'table5_5_cgr': '+CGR',
    'table5_6_sr': '+SR',
}
"""Recipes of Table 5 and the paper's names of their rows."""

BASELINES = {
    'cyclegan': 'CycleGAN',
    'todaygan': 'ToDayGAN',
    'todaygan_tir': 'ToDayGAN-TIR',
    'todaygan_ntir': 'ToDayGAN-NTIR',
    'pearlgan': 'PearlGAN',
    'dlamgan': 'DlamGAN',
    METHOD: 'MornGAN',
}
"""Recipes of other methods, as far as our switches reach them; the paper has more."""

NOT_IN_TABLE_6 = {'todaygan_tir', 'todaygan_ntir'}

CLUSTERS = range(2, 7)
"""N_u in Table 7."""

SECTIONS = ('choices', 'generator', 'discriminator', 'losses', 'semantics')
"""Where methods differ; sizes, crops, augmentation and optimiser are the base's."""

_ACTS: dict[Term, Callable[[Recipe], bool]] = {
    'ssim': lambda recipe: any(phase.ssim > 0 for phase in recipe.schedule),
    'temperature': lambda recipe: any(phase.temperature > 0 for phase in recipe.schedule),
    'segmentation': lambda recipe: any(phase.segments for phase in recipe.schedule),
    'sdp': lambda recipe: recipe.denoises and any(phase.segments for phase in recipe.schedule),
    'memory': lambda recipe: any(phase.memory for phase in recipe.schedule),
    'aca': lambda recipe: any(phase.aca > 0 for phase in recipe.schedule),
    'cgr': lambda recipe: any(phase.cgr > 0 for phase in recipe.schedule),
    'sr': lambda recipe: any(phase.sr > 0 for phase in recipe.schedule),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        name: Of its folder, and for the command line.
        title: What the paper calls it.
        recipe: What is trained.
        train: Data folder to train on.
        test: Data folder to test on.
        direction: K→F or F→K in Table 6, else empty.
    """

    name: str
    title: str
    recipe: Recipe
    train: Path
    test: Path
    direction: str = ''


@dataclass(frozen=True, slots=True)
class Setting:
    """Where methods are compared: the size of the networks, and the data sets.

    Attributes:
        scale: Of networks and schedule.
        flir: Data folder.
        kaist: Likewise; Tables 3 and 4 need this one, Table 6 both.
        base: The whole method at compact size; none at full size, where recipes are complete.
    """

    scale: Scale
    flir: Path
    kaist: Path | None = None
    base: Recipe | None = None

    def base_on(self, site: Literal['flir', 'kaist']) -> Recipe:
        """Return the whole method on a data set."""
        if self.base is None:
            return shipped(site)
        return self.base if site == 'flir' else transplant(self.base, shipped(site), site)

    def recipe(self, method: str, site: Literal['flir', 'kaist'] = 'flir') -> Recipe:
        """Return a method, by the name of its recipe, on a data set."""
        if self.base is None and site == 'flir':
            return shipped(method)
        return transplant(self.base_on(site), shipped(method), _short(method))


def rows_of(table: TableName, place: Setting) -> list[Row]:
    """List all rows of a table.

    Raises:
        ExperimentError: Table 6 without data of KAIST.
        RecipeError: A recipe is missing, or a method makes no sense in this place.
    """
    if table == 'table5':
        return [
            _row(place, _short(name), title, place.recipe(name)) for name, title in ABLATION.items()
        ]
    if table == 'table6':
        return _transfers(place)
    if table == 'table7':
        return [_clusters(place, number) for number in CLUSTERS]
    if table in ON_KAIST:
        assert place.kaist is not None
        return [
            Row(_short(name), title, place.recipe(name, 'kaist'), place.kaist, place.kaist)
            for name, title in BASELINES.items()
        ]
    return [
        _row(place, _short(name), title, place.recipe(name)) for name, title in BASELINES.items()
    ]


def _transfers(place: Setting) -> list[Row]:
    if place.kaist is None:
        raise ExperimentError(
            'table6 trains on one data set and tests on the other: add --data-kaist'
        )
    rows = []
    for method, title in BASELINES.items():
        if method in NOT_IN_TABLE_6:
            continue
        short = _short(method)
        on_kaist, on_flir = place.recipe(method, 'kaist'), place.recipe(method)
        there, back = DIRECTIONS.values()
        rows.append(Row(f'{short}_kf', title, on_kaist, place.kaist, place.flir, there))
        rows.append(Row(f'{short}_fk', title, on_flir, place.flir, place.kaist, back))
    return rows


def _clusters(place: Setting, number: int) -> Row:
    base = place.base_on('flir')
    semantics = base.semantics.model_copy(update={'clusters': number})
    name = f'clusters_{number}'
    changes = {'name': f'{base.name}_{name}', 'semantics': semantics}
    return _row(place, name, str(number), base.model_copy(update=changes))


def _row(place: Setting, name: str, title: str, recipe: Recipe) -> Row:
    return Row(name, title, recipe, place.flir, place.flir)


def _short(method: str) -> str:
    return 'morngan' if method == METHOD else method.removeprefix('table5_')


def shipped(name: str) -> Recipe:
    """Return a recipe of `config/train`; raise RecipeError if it is missing."""
    path = find_shared(f'config/train/{name}.yaml')
    if path is None:
        raise RecipeError(f'config/train/{name}.yaml is missing')
    return load_recipe(path)


def transplant(base: Recipe, method: Recipe, name: str) -> Recipe:
    """Return what a method becomes in another place.

    Args:
        base: The whole of MornGAN in that place. Its schedule stays, with all weights of aligned
            pairs, less the terms that never act in the schedule of the method.
        method: Made for FLIR at full size.
        name: What the base's name is followed by.

    Raises:
        RecipeError: What comes out makes no sense.
    """
    reference = shipped(METHOD).model_dump(mode='json')
    ours, theirs = base.model_dump(mode='json'), method.model_dump(mode='json')
    for section in SECTIONS:
        ours[section] |= {
            field: value
            for field, value in theirs[section].items()
            if value != reference[section][field]
        }
    idle: list[Any] = [term for term in get_args(Term) if not _ACTS[term](method)]
    ours['without'] = [t for t in get_args(Term) if t in idle or t in base.without]
    ours |= {'name': f'{base.name}_{name}', 'description': method.description}
    return parse_recipe(ours, f'{method.name} at the size of {base.name}')
