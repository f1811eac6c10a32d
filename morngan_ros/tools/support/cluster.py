"""Jobs spread over a Ray cluster; Ray is imported when somebody asks for it, not before."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import socket
import sys
import traceback
from types import ModuleType
from typing import Any

from morngan_ros.errors import MornganError

ADDRESS_HELP = 'Ray cluster to use: auto for the one of this machine, or HOST:PORT of its head'

RETRIES = 3
"""How often a job is begun again after its process, or its machine, has died."""

_START = 'start one with ray start --head --disable-usage-stats, see docs/cluster.md'

_PATIENCE = 120.0
"""Seconds that running jobs get to stop by themselves."""


class ClusterError(MornganError):
    """There is no such cluster, it lacks what jobs need, or Ray is not installed."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that needs nothing from other work.

    Attributes:
        name: For people; the process that does it is called `ray::NAME`.
        work: Called without arguments, in a process of another machine: it must be picklable, its
            paths absolute. It is called again if that process dies, and has to cope with what it
            has left.
        cpus: Cores that it occupies.
        gpus: GPUs that it occupies; it sees no others.
    """

    name: str
    work: Callable[[], Any]
    cpus: int = 1
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has come to an end.

    Attributes:
        job: Which.
        value: What its work returned, if there was no problem.
        problem: Why it could not be done; empty if it could.
    """

    job: Job
    value: Any = None
    problem: str = ''


def spread(jobs: Sequence[Job], address: str) -> Iterator[Ended]:
    """Do jobs on a cluster, as many at a time as it has room for; yield each when it has ended.

    Closing the iterator, Ctrl-C and SIGTERM interrupt what is running, as Ctrl-C would there, and
    wait for it to stop.

    Args:
        jobs: Their code must be installed on all machines of the cluster.
        address: 'auto' or HOST:PORT.

    Raises:
        ClusterError: There is no such cluster, or no machine of it has room for one of the jobs.
    """
    ray = _connect(address)
    try:
        _check_room(ray, jobs)
        waiting = {_submit(ray, job): job for job in jobs}
        try:
            while waiting:
                (reference,), _ = ray.wait([*waiting])
                yield _end(ray, waiting.pop(reference), reference)
        finally:
            _stop(ray, [*waiting])
    finally:
        ray.shutdown()


def _connect(address: str) -> ModuleType:
    """Join the cluster as one who has work for it."""
    # Nothing is reported to Ray's makers. Lines of several jobs differ in numbers alone, by which
    # Ray would take them for the same line.
    os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
    os.environ.setdefault('RAY_DEDUP_LOGS', '0')
    try:
        import ray  # only who asks for a cluster needs it
    except ImportError:
        raise ClusterError(
            '--ray needs Ray: pip install -r requirements/cluster.txt, here and on all machines of '
            'the cluster'
        ) from None
    _knock(address)
    try:
        ray.init(address=address, logging_level=logging.WARNING, runtime_env=_surroundings())
    except (ConnectionError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f'no Ray cluster at {address}: {" ".join(str(error).split())}; {_START}'
        ) from error
    return ray


def _surroundings() -> dict[str, Any]:
    """Let the processes of jobs find our modules where this one has found them."""
    folders = [str(Path(__file__).parents[3]), os.environ.get('PYTHONPATH', '')]
    return {'env_vars': {'PYTHONPATH': os.pathsep.join(filter(None, folders))}}


def _knock(address: str) -> None:
    """Make sure that somebody listens: Ray itself would try for minutes."""
    if address == 'auto':
        return
    host, _, port = address.rpartition(':')
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise ClusterError(
            f'no Ray cluster at {address}: {error}; --ray is auto or HOST:PORT, {_START}'
        ) from None


def _check_room(ray: ModuleType, jobs: Sequence[Job]) -> None:
    """Make sure that jobs do not wait for a machine that does not exist."""
    machines = [node['Resources'] for node in ray.nodes() if node['Alive']]
    for cpus, gpus in {(job.cpus, job.gpus) for job in jobs}:
        if not any(m.get('CPU', 0) >= cpus and m.get('GPU', 0) >= gpus for m in machines):
            sizes = ', '.join(f'{m.get("CPU", 0):g} and {m.get("GPU", 0):g}' for m in machines)
            raise ClusterError(
                f'a job needs {cpus} cores and {gpus} GPUs, but the machines of the cluster have '
                f'{sizes}: ask for less, or add a larger machine'
            )


def _submit(ray: ModuleType, job: Job) -> Any:
    """Hand a job over; return what stands for its end."""
    options = {'name': job.name, 'num_cpus': job.cpus, 'num_gpus': job.gpus, 'max_retries': RETRIES}
    return ray.remote(_work).options(**options).remote(job.work)


def _work(work: Callable[[], Any]) -> Any:
    return work()


def _end(ray: ModuleType, job: Job, reference: Any) -> Ended:
    try:
        return Ended(job, ray.get(reference))
    except ray.exceptions.RayTaskError as error:
        if not isinstance(error.cause, MornganError):
            traceback.print_exception(error, file=sys.stderr)
        return Ended(job, problem=str(error.cause))
    except ray.exceptions.RayError as error:
        kind = type(error).__name__
        return Ended(job, problem=f'its process died {RETRIES + 1} times ({kind}); see its log')


def _stop(ray: ModuleType, references: Sequence[Any]) -> None:
    """Interrupt jobs, and wait for those that are running."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=_PATIENCE)
