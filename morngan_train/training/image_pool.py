"""A pool of earlier fakes, so that a discriminator does not chase only the newest ones."""

import torch


class ImagePool:
    """Give back the new fake, or, with probability 1/2 once full, an old one in its place.

    Args:
        size: Fakes kept; 0 passes every fake through.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[torch.Tensor] = []

    def __call__(self, fakes: torch.Tensor) -> torch.Tensor:
        """Swap fakes [N, C, H, W] for pooled ones, image by image; detached."""
        return torch.stack([self._swap(fake) for fake in fakes.detach()])

    def _swap(self, fake: torch.Tensor) -> torch.Tensor:
        if len(self.images) < self.size:
            self.images.append(fake.clone())
            return fake
        if self.size == 0 or torch.rand(()) < 0.5:
            return fake
        i = int(torch.randint(self.size, ()))
        old, self.images[i] = self.images[i], fake.clone()
        return old.to(fake.device)  # from a checkpoint it comes on the CPU

    def state_dict(self) -> dict[str, list[torch.Tensor]]:
        """Return the stored fakes."""
        return {'images': list(self.images)}

    def load_state_dict(self, state: dict[str, list[torch.Tensor]]) -> None:
        """Restore the stored fakes."""
        self.images = list(state['images'])
