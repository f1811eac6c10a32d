"""Weight initialisation shared by every network of the paper."""

from torch import nn

WEIGHT_STD = 0.02


def initialize(module: nn.Module) -> None:
    """Draw convolution weights from N(0, 0.02²), set biases to 0 and PReLU slopes to 0.25.

    Call it before wrapping layers in spectral normalisation: afterwards `.weight` is recomputed
    from another parameter at every access, and writing to it changes nothing.

    Args:
        module: The network; changed in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, WEIGHT_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.PReLU):
            nn.init.constant_(layer.weight, 0.25)
