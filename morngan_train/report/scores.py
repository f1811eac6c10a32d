"""Which scores stand on the page: their groups, units, directions, and tables of the paper."""

from typing import NamedTuple

from morngan_train.classes import Label
from morngan_train.data.boxes import OBJECTS
from morngan_train.metrics.segmentation import FLIR_CLASSES


class Column(NamedTuple):
    """A score.

    Attributes:
        score: Its name in JSON.
        label: What the page calls it.
        band: What it stands under together with its neighbours.
        factor: From JSON to what is shown; 100 for percent.
        digits: Behind the point.
        higher: Whether higher is better; None: neither is.
        always: Whether it is shown even if no method has it.
    """

    score: str
    label: str
    band: str = ''
    factor: int = 1
    digits: int = 3
    higher: bool | None = True
    always: bool = True

    def show(self, value: float) -> str:
        """Write a value as the page shows it."""
        return f'{value * self.factor:.{self.digits}f}'.replace('-', '−')


class Group(NamedTuple):
    """Scores of one kind, in one table.

    Attributes:
        title: Heading.
        unit: What the figures are.
        tool: Field of an evaluation with what was measured by, `detector`, `parser`, `reference` or
            none.
        columns: In their order.
        published: Numbers of the paper's tables that have such scores.
    """

    title: str
    unit: str
    tool: str
    columns: tuple[Column, ...]
    published: tuple[int, ...]


def _percent(score: str, label: str, band: str, always: bool = True) -> Column:
    return Column(score, label, band, factor=100, digits=1, always=always)


_WAYS = {'whole': 'whole picture', 'tiled': 'with tiles'}
_CLASSES = (*FLIR_CLASSES, *(label for label in Label if label not in FLIR_CLASSES))

GROUPS = (
    Group(
        'Objects',
        'AP at IoU 0.5, percent',
        'detector',
        tuple(
            _percent(f'ap50_{way}_{name}', name, band)
            for way, band in _WAYS.items()
            for name in ('mean', *OBJECTS)
        ),
        (2, 4),
    ),
    Group(
        'Scenes',
        'IoU, percent',
        'parser',
        (
            _percent('miou_flir', 'FLIR', 'mean IoU'),
            _percent('miou_kaist', 'KAIST', 'mean IoU'),
            _percent('miou_small', 'small', 'mean IoU'),
            *(
                _percent(f'iou_{c.name.lower()}', c.name.lower(), 'class', c in FLIR_CLASSES)
                for c in _CLASSES
            ),
        ),
        (1, 5, 3),
    ),
    Group(
        'Edges, likeness, steadiness, speed',
        'each in its own unit',
        '',
        (
            Column('apce', 'APCE', 'edges kept, 0 to 1'),
            Column('psnr', 'PSNR, dB', 'likeness to day', digits=1),
            Column('ssim', 'SSIM', 'likeness to day'),
            Column('flicker', 'flicker, levels', 'under noise', digits=2, higher=False),
            Column('warp', 'camera stands', 'warp error, % of contrast', 100, 2, higher=False),
            Column('warp_pan', 'camera pans', 'warp error, % of contrast', 100, 2, higher=False),
            Column('speed_ms', 'ms a frame', 'speed', digits=1, higher=False),
        ),
        (5,),
    ),
    Group(
        'Realism',
        'distance to real day pictures',
        'reference',
        (
            Column('kid', 'KID', 'realism', higher=False),
            Column('colorfulness', 'colourfulness', 'realism', digits=1, higher=None),
        ),
        (),
    ),
)
"""All that `evaluate` measures and the page knows; what it does not know comes in a last table."""

KNOWN = {column.score: column for group in GROUPS for column in group.columns}


_OF_FRAMES = {
    'ap50_tiled_mean': 'AP50 tiled',
    'ap50_whole_mean': 'AP50',
    'miou_flir': 'mIoU',
    'miou_kaist': 'mIoU, KAIST',
}


def frame_column(score: str) -> Column:
    """Return how a score of single frames is shown; there it stands under no heading."""
    column = KNOWN.get(score, Column(score, score))
    return column._replace(label=_OF_FRAMES.get(score, column.label))
