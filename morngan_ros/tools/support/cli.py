"""What all commands share: one-line errors, exit codes, a progress bar, options of frames."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import functools
import io
from pathlib import Path
import re
import shutil
import sys

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn

from morngan_ros.bags import DamageError
from morngan_ros.bags import holds_only_a_bag
from morngan_ros.errors import FrameError
from morngan_ros.errors import MornganError
from morngan_ros.errors import OutputError
from morngan_ros.errors import SourceError
from morngan_ros.exposure import Exposure
from morngan_ros.exposure import MODES
from morngan_ros.images.crop import Crop
from morngan_ros.images.crop import read_span

#: Exit codes: work was done but something was left out; nothing could be done; Ctrl-C.
INCOMPLETE = 1
FAILED = 2
INTERRUPTED = 130

# How many of the things that were left out a line names.
_SHOWN = 5

Main = Callable[[Sequence[str] | None], int]

# Parameters of the node for exposure that are numbers: their defaults and meaning.
_EXPOSURE = {
    'low': (1.0, 'percentile of the counts that becomes black'),
    'high': (99.0, 'percentile of the counts that becomes white'),
    'time-constant': (1.0, 'time constant of the exposure in seconds'),
    'reset-after': (2.0, 'gap in seconds after which the exposure restarts'),
    'range-low': (0.0, 'with fixed_range, counts that become black'),
    'range-high': (16383.0, 'with fixed_range, counts that become white'),
    'clahe-clip': (2.0, 'with clahe, limit of the contrast'),
}


def reports_errors(main: Main) -> Callable[..., int]:
    """Let `main` end in one line on stderr and an exit code instead of a traceback."""

    @functools.wraps(main)
    def wrapper(argv: Sequence[str] | None = None) -> int:
        if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may hold any bytes
            sys.stdout.reconfigure(errors='backslashreplace')
        try:
            return main(argv)
        except MornganError as error:
            print(f'error: {error}', file=sys.stderr)
            return FAILED
        except UnicodeDecodeError as error:
            around = error.object[max(0, error.start - 20) : error.end + 20]
            print(f'error: a text is not UTF-8, at {around!r}; save it as UTF-8', file=sys.stderr)
            return FAILED
        except OSError as error:  # a full disk, a drive that was pulled out
            print(f'error: {error}', file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            print('interrupted', file=sys.stderr)
            return INTERRUPTED

    return wrapper


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Make a parser whose help ends in examples and shows defaults."""
    command = f'  python -m morngan_ros.tools.{name}'
    lines = '\n'.join(f'{command} {example}'.rstrip() for example in examples.splitlines())
    return argparse.ArgumentParser(
        prog=f'python -m morngan_ros.tools.{name}',
        description=description,
        epilog=f'examples:\n{lines}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def progress() -> Progress:
    """Make a progress bar on stderr: what, how many of how many, time left."""
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        # Not MofNCompleteColumn: the rich of Ubuntu 22.04 has none.
        TextColumn('{task.completed:.0f}/{task.total:.0f}'),
        TextColumn('time left'),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def tell(notes: Iterable[str]) -> None:
    """Say what a source guessed or found odd."""
    for note in notes:
        print(f'note: {note}', file=sys.stderr)


class Skipped:
    """Remembers what was left out, and says so: the first of each cause at once, all at the end."""

    def __init__(self) -> None:
        # Names by kind and cause; a dict keeps their order and each of them once.
        self._names: dict[str, dict[str, dict[str, None]]] = {}

    def __call__(self, name: str, error: FrameError | OutputError) -> None:
        """Leave out a frame or a stretch of a bag: for `on_bad` of a source."""
        kind = 'parts of the recording' if isinstance(error, DamageError) else 'frames'
        self.add(kind, name, error.cause, str(error))

    def __len__(self) -> int:
        return sum(len(names) for causes in self._names.values() for names in causes.values())

    def add(self, kind: str, name: str, cause: str, reason: str) -> None:
        """Leave out a thing.

        Args:
            kind: What such things are, in the plural: 'frames'.
            name: Which one it is; one name counts once.
            cause: Why, in a word or two, by which they are counted.
            reason: Why, in a sentence.
        """
        names = self._names.setdefault(kind, {}).setdefault(cause, {})
        if not names:
            print(f'skipped {name}: {" ".join(reason.split())}', file=sys.stderr)
        names[name] = None

    def exit_code(self) -> int:
        """Sum up in a line for each kind, and return INCOMPLETE if anything was left out."""
        for kind, causes in self._names.items():
            names = [name for named in causes.values() for name in named]
            counts = ', '.join(f'{cause} {len(named)}' for cause, named in causes.items())
            why = f' ({counts})' if len(names) > 1 else ''
            shown = ', '.join(names[:_SHOWN])
            more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
            print(f'{len(names)} {kind} were skipped{why}: {shown}{more}', file=sys.stderr)
        return INCOMPLETE if self._names else 0


def add_frame_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `crop` and `exposure`, in the words of the node's parameters."""
    frames = parser.add_argument_group(
        'frames', 'these options mean the same as the parameters of the node'
    )
    for side in ('rows', 'columns'):
        frames.add_argument(
            f'--{side}',
            type=_span,
            default=(0, 0),
            metavar='FIRST:END',
            help=f'{side} of a frame to keep, such as 2:514, 2: or :-2 (default: all)',
        )
    frames.add_argument(
        '--exposure-mode',
        choices=MODES,
        default=MODES[0],
        help='mapping of counts to 8 bits (default: %(default)s)',
    )
    for name, (default, meaning) in _EXPOSURE.items():
        frames.add_argument(
            f'--exposure-{name}',
            type=float,
            default=default,
            metavar='NUMBER',
            help=f'{meaning} (default: {default:g})',
        )


def add_class_names(options: 'argparse._ActionsContainer') -> None:
    """Add the option for a detector whose file does not name its classes."""
    options.add_argument(
        '--class-names',
        type=names,
        default=(),
        metavar='NAME,NAME',
        help="class names of the detector, in its order (default: from the file, or COCO's)",
    )


def add_ranges(options: 'argparse._ActionsContainer', prefix: str = '') -> None:
    """Add the options for a third-party model: `--PREFIXinput-range`, `--PREFIXoutput-range`."""
    for name in ('input', 'output'):
        options.add_argument(
            f'--{prefix}{name}-range',
            type=float,
            nargs=2,
            default=(-1.0, 1.0),
            metavar=('LOW', 'HIGH'),
            help=f'range of the {name} of a third-party float model (default: -1 1)',
        )


def _span(text: str) -> tuple[int, int]:
    try:
        return read_span(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def crop(options: argparse.Namespace) -> Crop:
    """Return what the options of `add_frame_arguments` keep of a frame."""
    return Crop(options.rows, options.columns)


def exposure(options: argparse.Namespace) -> Exposure:
    """Return the exposure that the options of `add_frame_arguments` ask for.

    Raises:
        SourceError: They make no sense.
    """
    prefix = 'exposure_'
    values = {
        name.removeprefix(prefix): value
        for name, value in vars(options).items()
        if name.startswith(prefix)
    }
    try:
        return Exposure(**values)
    except ValueError as error:
        raise SourceError(f'exposure: {error}') from None


def size(text: str) -> tuple[int, int]:
    """Read '640x512' as (640, 512): a type for argparse."""
    sides = re.fullmatch(r'(\d+)x(\d+)', text)
    if sides is None:
        raise argparse.ArgumentTypeError(f'a size looks like 640x512, not {text}')
    return int(sides[1]), int(sides[2])


def names(text: str) -> list[str]:
    """Read 'person,bicycle,car' as a list: a type for argparse."""
    found = [name.strip() for name in text.split(',')]
    if not all(found):
        raise argparse.ArgumentTypeError(f'names look like person,bicycle,car, not {text!r}')
    return found


def claim_output(out: Path, source: str, overwrite: bool) -> None:
    """Make sure that writing to `out` destroys nothing by accident.

    An old bag or file is removed when overwriting is allowed; of a folder only files of the same
    name are replaced later.

    Raises:
        SourceError: `out` exists and may not be overwritten, or is the input itself.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if out.resolve() == Path(source).resolve():
        raise SourceError(f'{out} is input and output at once; name another output')
    if not overwrite:
        raise SourceError(f'{out} exists already; add --overwrite or name another output')
    if out.is_dir() and holds_only_a_bag(out):
        shutil.rmtree(out)
    elif out.is_file():
        out.unlink()


def add_load(options: 'argparse._ActionsContainer') -> None:
    """Add what the tools that load the node share: provider, threads, and the size of a frame."""
    options.add_argument('--provider', default='auto', help='runtime of the models (default: auto)')
    options.add_argument(
        '--threads',
        type=int,
        default=0,
        help='processor threads of the models (default: all cores)',
    )
    options.add_argument(
        '--size', type=size, default=(640, 512), help='WIDTHxHEIGHT (default: 640x512)'
    )
