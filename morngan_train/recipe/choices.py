"""Where the paper's text and the code that its authors released disagree: one field for each.

`paper` follows the text, `release` the code, and `recommended`, the default, follows the code
where the text is silent or vague and the text where the code is plainly a slip. Single fields
override the preset.
"""

from typing import Any
from typing import Literal

from pydantic import Field
from pydantic import model_validator

from morngan_train.classes import Label
from morngan_train.recipe.sections import Section

Preset = Literal['recommended', 'paper', 'release']

_RELEASE: dict[str, Any] = {
    'agreement': 'first',
    'labellers_after_freeze': 'segmenter_b',
    'sky_confusers': ['vegetation'],
    'pole_with_sky': True,
    'denoise_before_theta_bg': True,
    'aca_groups': 'merged',
    'scale_whole_sga': False,
    'complete_day_labels': True,
    'constrain_while_learning': True,
    'ssim_from_start': False,
    'cgr_unlabelled': True,
    'draw_scale': 'step',
    'sga_region': 'cell',
    'mining_dropout': True,
    'gradient_padding': 'zeros',
}
PRESETS: dict[str, dict[str, Any]] = {
    'release': _RELEASE,
    'recommended': _RELEASE
    | {
        'agreement': 'both',
        'denoise_before_theta_bg': False,
        'mining_dropout': False,
        'gradient_padding': 'replicate',
    },
    'paper': {
        'agreement': 'both',
        'labellers_after_freeze': 'both',
        'sky_confusers': ['vegetation', 'pole'],
        'pole_with_sky': False,
        'denoise_before_theta_bg': False,
        'aca_groups': 'separate',
        'scale_whole_sga': True,
        'complete_day_labels': False,
        'constrain_while_learning': False,
        'ssim_from_start': True,
        'cgr_unlabelled': False,
        'draw_scale': 'epoch',
        'sga_region': 'image',
        'mining_dropout': False,
        'gradient_padding': 'replicate',
    },
}


class Choices(Section):
    """One reading of the method."""

    preset: Preset = Field(default='recommended', description='recommended, paper or release')
    agreement: Literal['both', 'first'] = Field(
        description='Eq. 8: both segmenters must be sure, or S_B alone while both agree'
    )
    labellers_after_freeze: Literal['both', 'segmenter_b'] = Field(
        description='segmenters that label night frames once both are frozen'
    )
    sky_confusers: list[Literal['vegetation', 'pole']] = Field(
        description='Z_s of Eq. 7: classes that are confused with the night sky'
    )
    pole_with_sky: bool = Field(description='average the mean of poles with the mean of the sky')
    denoise_before_theta_bg: bool = Field(
        description='denoise pixels above θ_fg first, then apply θ_bg to background'
    )
    aca_groups: Literal['merged', 'separate'] = Field(
        description='merged: vehicles are one group, mean over the groups present; separate: C_ss'
    )
    scale_whole_sga: bool = Field(description='Eq. 4: λ_sga scales T_mr and T_tr too')
    complete_day_labels: bool = Field(
        description='S_A fills unlabelled day pixels with its confident classes'
    )
    constrain_while_learning: bool = Field(
        description='λ_fb reaches the generators where the schedule says so while S_B still learns'
    )
    ssim_from_start: bool = Field(description='the SSIM of the cycle acts from the first epoch')
    cgr_unlabelled: bool = Field(
        description='CGR acts on ids below 11 and on unlabelled pixels, not on background and '
        'buildings alone'
    )
    draw_scale: Literal['step', 'epoch'] = Field(description='how often ψ of Eq. 22 is drawn')
    sga_region: Literal['cell', 'image'] = Field(
        description='SGA in one random 32x32 cell with edges, or in the whole crop'
    )
    mining_dropout: bool = Field(
        description='segmenters keep dropout while they label; a loss on the same picture sees '
        'the same mask'
    )
    gradient_padding: Literal['replicate', 'zeros'] = Field(
        description='zeros make false edges at the border of the crop'
    )

    @model_validator(mode='before')
    @classmethod
    def _fill_from_preset(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        preset = PRESETS.get(content.get('preset', 'recommended'), PRESETS['recommended'])
        return {**preset, **content}

    @property
    def sky_confuser_ids(self) -> list[Label]:
        """Z_s as trainIds."""
        return [Label[name.upper()] for name in self.sky_confusers]
