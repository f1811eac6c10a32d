"""Phases as data: which terms act, and how strongly, at each epoch."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import Literal

from pydantic import Field
from pydantic import model_validator

from morngan_train.recipe.sections import Section

Term = Literal['ssim', 'temperature', 'segmentation', 'sdp', 'memory', 'aca', 'cgr', 'sr']
"""What a recipe can leave out by `without`; `sdp` acts on labels, not on the schedule."""


class Phase(Section):
    """A stretch of epochs under the same terms; a term of weight 0 is off and costs nothing.

    λ_ra, λ_fb, λ_rb and λ_fa are the weights of Eq. 10: segmentation of real day (r a), fake night
    (f b), real night (r b) and fake day pictures (f a). λ_ta adds the thermal side of registered
    day pairs (t a), which shares the labels of the day picture, and λ_mb night frames with masks
    that people made (m b), where there are any.
    """

    name: str
    epochs: int = Field(ge=1)
    ssim: float = Field(default=1.0, ge=0, description='λ_ssim of the cycle')
    temperature: float = Field(default=0.0, ge=0, description='T_tr: people are warmer than roads')
    ra: float = Field(default=0.0, ge=0, description='λ_ra: S_A on day pictures')
    fb: float = Field(default=0.0, ge=0, description='λ_fb: S_B on fake night')
    rb: float = Field(default=0.0, ge=0, description='λ_rb: S_B on night frames with mined labels')
    fa: float = Field(default=0.0, ge=0, description='λ_fa: S_A on fake day with mined labels')
    ta: float = Field(
        default=0.0, ge=0, description='λ_ta: S_B on registered day thermal; not in the paper'
    )
    mb: float = Field(
        default=0.0, ge=0, description='λ_mb: S_B on night frames with true masks; not in the paper'
    )
    boundary: float = Field(default=0.0, ge=0, description='boundary loss within λ_ra')
    complete: bool = Field(default=False, description='S_A fills unlabelled day pixels')
    fake_night: Literal['attached', 'detached'] = Field(
        default='detached', description='whether λ_fb reaches the generators'
    )
    segmenters: Literal['learn', 'frozen'] = 'learn'
    sr: float = Field(default=0.0, ge=0, description='scale robustness')
    cgr: float = Field(default=0.0, ge=0, description='conditional gradient repair')
    aca: float = Field(default=0.0, ge=0, description='adaptive collaborative attention')
    accs: float = Field(default=1.0, ge=0, description='factor on losses.accs; 0 delays it')
    memory: bool = Field(
        default=False, description='store night labels in the memory, then pair crops by them'
    )
    aligned: float = Field(
        default=0.0, ge=0, description='weight of the registered day pairs; 0 is off'
    )
    unpaired: bool = Field(
        default=True,
        description='false: only the aligned pairs, and S_A if ra says so: a cheap warm start',
    )
    direction: Literal['both', 'to_day'] = Field(
        default='both',
        description='to_day: G_BA and D_A alone, from night frames and pairs; no fake night',
    )
    adversarial: float = Field(default=1.0, ge=0, description='factor on losses.adversarial')
    lr_factor: float = Field(default=1.0, gt=0, le=10)
    segmenter_lr_factor: float = Field(
        default=1.0, gt=0, le=10, description='further factor for S_A and S_B, for small budgets'
    )
    lr_decay: bool = Field(default=False, description='fall linearly, towards 0 after the phase')

    @property
    def mines(self) -> bool:
        """Whether night frames are labelled by online semantic distillation."""
        return self.rb > 0 or self.fa > 0 or self.aca > 0 or self.memory

    @property
    def segments(self) -> bool:
        """Whether the segmenters are run at all."""
        return self.ra > 0 or self.fb > 0 or self.ta > 0 or self.mb > 0 or self.mines

    @property
    def needs_day_labels(self) -> bool:
        """Whether day pictures must come with label maps."""
        return self.segments or self.temperature > 0

    @model_validator(mode='after')
    def _makes_sense(self) -> 'Phase':
        if not self.unpaired and self.aligned == 0:
            raise ValueError('a phase that is not unpaired needs a weight for aligned')
        if not self.unpaired and (max(self.cgr, self.sr, self.fb, self.mb) > 0 or self.mines):
            raise ValueError(
                'cgr, sr, aca, memory, fb, rb, mb and fa need unpaired night frames: remove them, '
                'or set unpaired: true'
            )
        if self.direction == 'to_day' and (self.sr > 0 or self.segments or self.aligned == 0):
            raise ValueError(
                'direction: to_day trains on pairs and has no fake night: give aligned a weight '
                'and remove sr and all terms of segmentation'
            )
        if self.direction == 'both' and self.adversarial == 0:
            raise ValueError('adversarial: 0 needs direction: to_day')
        if self.aligned == 0 and self.ta > 0:
            raise ValueError('ta needs the registered day thermal: give aligned a weight')
        if self.segmenters == 'frozen' and max(self.ra, self.rb, self.ta, self.mb) > 0:
            raise ValueError('frozen segmenters do not learn: set ra, rb, ta and mb to 0')
        if self.segmenters == 'learn' and (self.fa > 0 or self.memory):
            raise ValueError(
                'fa and memory need labels that no longer change: set segmenters: frozen'
            )
        return self

    def lr_at(self, epoch: int) -> float:
        """Return the factor on the learning rate in an epoch of this phase, counted from 1."""
        left = (self.epochs - epoch + 1) / self.epochs if self.lr_decay else 1.0
        return self.lr_factor * left


def _morngan(*epochs: int) -> list[dict[str, Any]]:
    """Build the six stretches of MornGAN's schedule from their lengths."""
    base = {'temperature': 1.0}
    learn_a = {**base, 'ra': 1.0}
    learn_b = {**learn_a, 'boundary': 0.5, 'complete': True, 'fb': 1.0}
    learn_real = {**learn_b, 'fake_night': 'attached', 'rb': 1.0, 'sr': 1.0}
    constrain = {
        **base,
        'segmenters': 'frozen',
        'complete': True,
        'fake_night': 'attached',
        **dict.fromkeys(('fb', 'fa', 'sr', 'cgr', 'aca'), 1.0),
        'memory': True,
    }
    stretches: dict[str, dict[str, Any]] = {
        '0a': {'ssim': 0.0},
        '0b': base,
        '1': learn_a,
        '2': learn_b,
        '3': learn_real,
        '4': constrain,
    }
    return [
        {'name': name, 'epochs': count, **terms}
        for (name, terms), count in zip(stretches.items(), epochs, strict=True)
    ]


SCHEDULES: dict[str, list[dict[str, Any]]] = {
    'flir': _morngan(10, 10, 10, 10, 35, 5),
    'kaist': _morngan(10, 40, 40, 10, 45, 15),
    # The shares of the successor, FoalGAN: the last phase has 20 of 80 epochs instead of 5.
    'long_tail': _morngan(10, 6, 8, 8, 28, 20),
}
"""The authors' schedules by name; facts are counted from the end of an epoch, epochs from 1."""

_OFF: dict[str, dict[str, Any]] = {
    'ssim': {'ssim': 0.0},
    'temperature': {'temperature': 0.0},
    'segmentation': {
        **dict.fromkeys(('ra', 'fb', 'rb', 'fa', 'ta', 'mb', 'boundary'), 0.0),
        'complete': False,
    },
    'sdp': {},
    'memory': {'memory': False},
    'aca': {'aca': 0.0},
    'cgr': {'cgr': 0.0},
    'sr': {'sr': 0.0},
}


def leave_out(phases: Sequence[Phase], terms: Iterable[Term]) -> list[Phase]:
    """Switch terms off in every phase: this is how the rows of the ablation are made.

    Raises:
        ValueError: What is left makes no sense, such as memory without segmentation.
    """
    off = {name: value for term in terms for name, value in _OFF[term].items()}
    kept = [Phase.model_validate(phase.model_dump() | off) for phase in phases]
    if any(phase.mines for phase in kept) and not any(phase.ra > 0 for phase in kept):
        raise ValueError(
            'aca and memory need trained segmenters: leave them out together with segmentation'
        )
    return kept


def total_epochs(phases: Sequence[Phase]) -> int:
    """Return the length of the schedule in epochs."""
    return sum(phase.epochs for phase in phases)


def first_epochs(phases: Sequence[Phase]) -> list[int]:
    """Return the first epoch of each phase, counted from 1."""
    return [1 + sum(p.epochs for p in phases[:i]) for i in range(len(phases))]


def phase_at(phases: Sequence[Phase], epoch: int) -> Phase:
    """Return the phase of an epoch.

    Args:
        phases: The schedule.
        epoch: Counted from 1, as in the paper: a phase of 10 epochs is active in epochs 1 to 10.

    Raises:
        IndexError: The epoch lies outside of the schedule.
    """
    if not 1 <= epoch <= total_epochs(phases):
        raise IndexError(f'epochs are counted from 1 to {total_epochs(phases)}, not {epoch}')
    starts = first_epochs(phases)
    return phases[max(i for i, start in enumerate(starts) if start <= epoch)]


def learning_rate_factor(phases: Sequence[Phase], epoch: int) -> float:
    """Return the factor on the learning rate in an epoch, counted from 1."""
    phase = phase_at(phases, epoch)
    start = max(start for start in first_epochs(phases) if start <= epoch)
    return phase.lr_at(epoch - start + 1)


def table(phases: Sequence[Phase]) -> list[dict[str, str]]:
    """Say for every phase what is trained, frozen, detached and weighted: one row a phase.

    Returns:
        Rows of equal columns, all text; a weight that is off is empty.
    """
    rows = []
    for phase, first in zip(phases, first_epochs(phases), strict=True):
        last = first + phase.epochs - 1
        rows.append(
            {
                'epochs': f'{first}-{last}',
                'phase': phase.name,
                'trained': ' '.join(_trained(phase)),
                'frozen': 'S_A S_B' if phase.segments and phase.segmenters == 'frozen' else '',
                'fake night': phase.fake_night if phase.fb > 0 else '',
                **{title: _weight(getattr(phase, name)) for title, name in _COLUMNS.items()},
                'day labels': 'completed' if phase.complete else '',
                'memory': 'yes' if phase.memory else '',
                'pairs only': '' if phase.unpaired else 'yes',
                'lr': f'{phase.lr_factor:g}' + (' to 0' if phase.lr_decay else ''),
                'S lr': f'{phase.segmenter_lr_factor:g}' if phase.segments else '',
            }
        )
    return rows


_COLUMNS = {
    'SSIM': 'ssim',
    'T_tr': 'temperature',
    'λ_ra': 'ra',
    'boundary': 'boundary',
    'λ_fb': 'fb',
    'λ_rb': 'rb',
    'λ_fa': 'fa',
    'λ_ta': 'ta',
    'λ_mb': 'mb',
    'SR': 'sr',
    'CGR': 'cgr',
    'ACA': 'aca',
    'ACCS': 'accs',
    'aligned': 'aligned',
}


def _trained(phase: Phase) -> list[str]:
    learns = phase.segmenters == 'learn'
    s_a = ['S_A'] if learns and phase.ra > 0 else []
    s_b = ['S_B'] if learns and max(phase.fb, phase.rb, phase.ta, phase.mb) > 0 else []
    if not phase.unpaired:
        return ['G_BA', *s_a, *s_b]
    if phase.direction == 'to_day':
        return ['G_BA', 'D_A'] if phase.adversarial > 0 else ['G_BA']
    return ['G', 'D', *s_a, *s_b]


def _weight(value: float) -> str:
    return f'{value:g}' if value > 0 else ''
