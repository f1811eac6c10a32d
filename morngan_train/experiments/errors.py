"""Why a table, or one of its rows, is not finished."""

from morngan_train.errors import TrainError


class ExperimentError(TrainError):
    """Rows that must be alike are not, or something is missing that a table needs."""


class StoppedError(Exception):
    """The user asked to stop; the same command goes on."""
