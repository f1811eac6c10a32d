"""Errors that name the thing that is wrong and the cure, for people to read in a log."""


class MornganError(Exception):
    """Base of every error that this package raises on purpose."""


class FrameError(MornganError):
    """A thermal frame cannot be used: wrong size, step, encoding or content."""


class ModelError(MornganError):
    """A model file is missing, broken, or does not keep the contract of a generator or detector."""


class ProviderError(MornganError):
    """The requested inference provider cannot be used on this machine."""


class SourceError(MornganError):
    """A folder, video or bag cannot be read, or holds nothing to work on."""
