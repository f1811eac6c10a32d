"""Jobs of a table: one after another in this process, or as many at a time as a cluster holds."""

from collections.abc import Callable
from collections.abc import Sequence

from morngan_ros.tools.support.cluster import Job
from morngan_ros.tools.support.cluster import spread
from morngan_train.experiments.errors import StoppedError
from morngan_train.training.ledger import NonFiniteLossError


def run_here(jobs: Sequence[Job], done: Callable[[], None]) -> list[str]:
    """Do jobs in their order.

    Args:
        jobs: Rows to finish, pictures to score.
        done: Called after each that could be done.

    Returns:
        Why some could not: a loss is not finite. The others are done nevertheless.

    Raises:
        StoppedError: By Ctrl-C or SIGTERM; a row that was training has left a checkpoint.
    """
    problems = []
    for number, job in enumerate(jobs, 1):
        print(f'{job.name} ({number} of {len(jobs)})')
        try:
            job.work()
            done()
        except NonFiniteLossError as error:
            problems.append(f'{job.name}: {error}')
        except KeyboardInterrupt as error:
            raise StoppedError from error
    return problems


def run_on_ray(jobs: Sequence[Job], address: str, done: Callable[[], None]) -> list[str]:
    """Do jobs on a Ray cluster; see `run_here`.

    A row whose process or machine dies goes on from its checkpoint elsewhere.

    Args:
        jobs: As for `run_here`, with absolute paths that all machines have.
        address: 'auto' or HOST:PORT.
        done: Called after each that could be done.

    Returns:
        Why some could not, whatever went wrong.

    Raises:
        ClusterError: There is no such cluster, or it is too small.
        StoppedError: By Ctrl-C or SIGTERM; rows that were training have left checkpoints.
    """
    problems = []
    try:
        for number, ended in enumerate(spread(jobs, address), 1):
            if ended.problem:
                problems.append(f'{ended.job.name}: {ended.problem}')
            else:
                done()
            print(f'{ended.job.name}: {ended.problem or "done"} ({number} of {len(jobs)})')
    except KeyboardInterrupt as error:
        raise StoppedError from error
    return problems
