"""The networks of one training system, grouped as they are optimised."""

import copy
from typing import Any
from typing import NamedTuple

import torch
from torch import nn

from morngan_train.networks.bottleneck_segmenter import BottleneckSegmenter
from morngan_train.networks.context_generator import ContextDecoder
from morngan_train.networks.context_generator import ContextEncoder
from morngan_train.networks.discriminator import Discriminator
from morngan_train.networks.discriminator import Scores
from morngan_train.networks.efficientnet_lite import NO_WEIGHTS
from morngan_train.networks.generator import build_translator
from morngan_train.networks.generator import Encoder
from morngan_train.networks.generator import Translator
from morngan_train.networks.perception import Perception
from morngan_train.networks.segmenter import Segmenter
from morngan_train.recipe import Recipe
from morngan_train.recipe.recipe import GeneratorRecipe
from morngan_train.recipe.recipe import SegmenterRecipe

HEAD = 'decoder.head.'
"""How names of weights of the head for objects begin, in a translator."""


class Translations(NamedTuple):
    """What the generators made of one batch: images [N, 3, S, S] in (-1, 1), and two encodings."""

    fake_day: torch.Tensor
    fake_night: torch.Tensor
    again_day: torch.Tensor
    """G_BA(G_AB(day))."""
    again_night: torch.Tensor
    """G_AB(G_BA(night))."""
    encoded_day: torch.Tensor
    """E_A(day), [N, C, S/4, S/4]."""
    encoded_fake_day: torch.Tensor
    """E_A(fake_day), same shape: what goes into the cycle, and what ACA compares."""
    colored_day: torch.Tensor | None
    """G_BA(day thermal), for aligned-day supervision."""
    # For the attentional losses; None in generators without attention.
    maps_day: torch.Tensor | None = None
    """Attention of E_A in the day picture, [N, 4, S/4, S/4] in (0, 1), coarsest first."""
    maps_night: torch.Tensor | None = None
    """Attention of E_B in the night frame."""
    encoded_night: torch.Tensor | None = None
    """E_B(night)."""
    encoded_fake_night: torch.Tensor | None = None
    """E_B(fake_night)."""


def build_half(
    shape: GeneratorRecipe, *, thermal: bool, pretrained: bool = True, finds: bool = True
) -> Translator:
    """Build the encoder and the decoder of one domain.

    Args:
        shape: Of the recipe.
        thermal: Whether the encoder looks at thermal frames, whose three channels are equal.
        pretrained: Whether to load the encoder's weights, where the kind has any.
        finds: Whether the decoder has the head for objects, where the recipe has one.

    Returns:
        Both, as the translation of the domain into itself.

    Raises:
        CheckpointError: The pretrained weights are missing, damaged or of another network.
    """
    if shape.kind == 'context':
        weights = shape.weights if pretrained else NO_WEIGHTS
        objects = len(shape.objects) if finds else 0
        encoder = ContextEncoder(weights, 1 if thermal else 3, shape.prefilter)
        return Translator(encoder, ContextDecoder(objects))
    return build_translator(
        shape.ngf, shape.blocks, shape.stem, shape.decoder_norm, shape.attention
    )


class Generators(nn.Module):
    """Encoders and decoders of both domains; A = daytime colour, B = night thermal."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.attends = recipe.generator.attention
        self.a = build_half(recipe.generator, thermal=False)
        self.b = build_half(recipe.generator, thermal=True, finds=False)

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """List the weights that have seen the world already."""
        encoders = (half.encoder for half in (self.a, self.b))
        return [
            parameter
            for encoder in encoders
            if isinstance(encoder, ContextEncoder)
            for parameter in encoder.pretrained.parameters()
        ]

    @property
    def night_to_day(self) -> Translator:
        """G_BA = D'_A ∘ E_B, sharing weights with this system: what is deployed."""
        return Translator(self.b.encoder, self.a.decoder)

    def color(self, thermal: torch.Tensor) -> torch.Tensor:
        """Translate thermal to day colour, G_BA: [N, 3, S, S] in [-1, 1] to the same."""
        result: torch.Tensor = self.a.decoder(self.b.encoder(thermal))
        return result

    def color_and_find(
        self, thermal: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor] | None]:
        """Translate thermal to day colour, and tell what the head finds in it, if there is one.

        Args:
            thermal: [N, 3, S, S] in [-1, 1].

        Returns:
            G_BA(thermal), same shape and range; centres and distances as `ObjectHead` gives them.
        """
        decoder = self.a.decoder
        features = self.b.encoder(thermal)
        if isinstance(decoder, ContextDecoder) and decoder.head is not None:
            return decoder.with_objects(features)
        return decoder(features), None

    def to_thermal(self, day: torch.Tensor) -> torch.Tensor:
        """Translate day colour to thermal, G_AB: [N, 3, S, S] in [-1, 1] to the same."""
        result: torch.Tensor = self.b.decoder(self.a.encoder(day))
        return result

    def forward(
        self, day: torch.Tensor, night: torch.Tensor, day_thermal: torch.Tensor | None
    ) -> Translations:
        """Translate both ways and back; inputs and outputs are [N, 3, S, S] in [-1, 1].

        What goes through the same networks goes as one batch: instance and group norm look at each
        picture alone, so the result is the same and the convolutions are better filled. Every
        encoding that a loss needs is computed once, here.
        """
        n = len(day)
        thermal = night if day_thermal is None else torch.cat([night, day_thermal])
        encoded_thermal, maps_thermal = self._encode(self.b.encoder, thermal)
        from_thermal = self.a.decoder(encoded_thermal)
        fake_day = from_thermal[:n]
        encoded_day, maps_day = self._encode(self.a.encoder, day)
        fake_night = self.b.decoder(encoded_day)
        encoded_fake_day = self.a.encoder(fake_day)
        encoded_fake_night = self.b.encoder(fake_night)
        return Translations(
            fake_day=fake_day,
            fake_night=fake_night,
            again_day=self.a.decoder(encoded_fake_night),
            again_night=self.b.decoder(encoded_fake_day),
            encoded_day=self.a.encoder.compared(encoded_day),
            encoded_fake_day=self.a.encoder.compared(encoded_fake_day),
            colored_day=None if day_thermal is None else from_thermal[n:],
            maps_day=maps_day,
            maps_night=None if maps_thermal is None else maps_thermal[:n],
            encoded_night=encoded_thermal[:n] if self.attends else None,
            encoded_fake_night=encoded_fake_night if self.attends else None,
        )

    def _encode(
        self, encoder: Encoder | ContextEncoder, image: torch.Tensor
    ) -> tuple[Any, torch.Tensor | None]:
        """Encode; what decoders take is their own affair: a tensor, or features by level."""
        if self.attends and isinstance(encoder, Encoder):
            return encoder.with_maps(image)
        return encoder(image), None


class Discriminators(nn.Module):
    """One discriminator a domain."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        shape = recipe.discriminator
        self.a = Discriminator(shape.ndf, shape.branches, shape.norm)
        self.b = Discriminator(shape.ndf, shape.branches, shape.norm)

    def forward(
        self, day: torch.Tensor, night: torch.Tensor, perception: Perception | None = None
    ) -> tuple[Scores, Scores]:
        """Score a day and a night batch, [N, 3, S, S] in [-1, 1], real or fake."""
        seen = [None if perception is None else perception(image) for image in (day, night)]
        return self.a(day, seen[0]), self.b(night, seen[1])


SegmentationNetwork = Segmenter | BottleneckSegmenter


class Segmenters(nn.Module):
    """One segmentation network a domain: S_A sees day pictures, S_B night frames."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.a = _segmenter(recipe.segmenter)
        self.b = _segmenter(recipe.segmenter)


def _segmenter(shape: SegmenterRecipe) -> SegmentationNetwork:
    if shape.kind == 'bottleneck':
        return BottleneckSegmenter()
    return Segmenter(shape.nsf, shape.blocks)


class MovingAverage:
    """Exponential moving average of the deployed direction: the weights that are exported.

    Args:
        generators: Their weights are followed.
        decay: Share of the old average kept at each step; early on less, so that the random
            initial weights are soon forgotten.
    """

    def __init__(self, generators: Generators, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(generators.night_to_day).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, generators: Generators, step: int, intact: torch.Tensor | None = None) -> None:
        """Move towards the present weights; `step` counts from 0.

        Args:
            generators: With these weights.
            step: The present one.
            intact: 0.0 on the device if the average is to stay as it is, else 1.0.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        followed = generators.night_to_day.parameters()
        for average, weight in zip(self.model.parameters(), followed, strict=True):
            average.lerp_(weight, 1 - decay if intact is None else (1 - decay) * intact)
