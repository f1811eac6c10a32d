"""Errors that name the thing that is wrong and the cure, for people to read in a log."""


class MornganError(Exception):
    """Base of every error that this package raises on purpose."""


#: Why a frame cannot be used, as `FrameError.cause` and the counters of diagnostics name it.
FRAME_CAUSES = (
    'encoding',  # nobody here reads this encoding or transport
    'layout',  # step, size and length of the data do not fit together
    'empty',  # no pixels, or too few, or no data at all
    'too large',  # the header claims more pixels than are allowed
    'undecodable',  # the bytes are no complete picture file of a known kind
    'depth',  # a number of channels that is no thermal picture
    'not finite',  # too many NaN or infinite among float counts
    'crop',  # the frame is smaller than the rows and columns to keep
    'duplicate',  # the last message once more
    'other',
)


class FrameError(MornganError):
    """A thermal frame cannot be used: wrong size, step, encoding or content.

    Args:
        message: What is wrong and what to do, for people.
        cause: One of `FRAME_CAUSES`, by which diagnostics count bad frames.
    """

    def __init__(self, message: str, cause: str = 'other') -> None:
        super().__init__(message)
        self.cause = cause


class ModelError(MornganError):
    """A model file is missing, broken, or does not keep the contract of a generator or detector."""


#: Why what a model gives is of no use, as `OutputError.cause` and the counters name it.
OUTPUT_CAUSES = (
    'not finite',  # NaN or infinity
    'blank',  # all black or all white, though the frame is not
    'size',  # another size than that of the input
)


class OutputError(ModelError):
    """A model runs, but what it gives is no picture: the model is at fault, not the frame.

    Args:
        message: What is wrong and what to do, for people.
        cause: One of `OUTPUT_CAUSES`, by which diagnostics count failed frames.
    """

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


class DeviceError(ModelError):
    """A GPU or its provider failed while a model ran: it cannot be trusted with the next frame."""


class ProviderError(MornganError):
    """The requested inference provider cannot be used on this machine."""


class SourceError(MornganError):
    """A folder, video or bag cannot be read, or holds nothing to work on."""


class TopicError(MornganError):
    """The middleware does not let the node use a topic, as under SROS2 without the right to it."""
