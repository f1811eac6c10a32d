"""Let frames through at a rate at most."""


class RateLimit:
    """Keeps to a rate on average, whatever the rate of the camera."""

    def __init__(self) -> None:
        self._next_due = 0.0

    def allows(self, now: float, rate: float) -> bool:
        """Tell whether a frame that comes `now`, in seconds, may pass at `rate` Hz; 0: always."""
        if rate <= 0:
            return True
        if now < self._next_due:
            return False
        self._next_due = max(now, self._next_due + 1 / rate)
        return True

    def reset(self) -> None:
        """Let the next frame pass: a low rate may have put it off for long."""
        self._next_due = 0.0
