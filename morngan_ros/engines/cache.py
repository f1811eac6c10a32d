"""Where built engines are kept: a folder for everything that an engine depends on.

ONNX Runtime finds an engine again by the model's graph alone. Its documentation asks to clean the
cache by hand when the model, ONNX Runtime, TensorRT or the GPU changes: here any such change
leads to another folder.
"""

from dataclasses import asdict
from dataclasses import dataclass
import hashlib
import json
import os
from pathlib import Path

from morngan_ros.errors import ProviderError

_ENVIRONMENT = 'MORNGAN_CACHE'
_KEY_FILE = 'key.json'
_GATE_FILE = 'gate.json'


@dataclass(frozen=True, slots=True)
class EngineKey:
    """All that an engine depends on.

    Attributes:
        model: SHA-256 of the file, weights in files beside it included.
        onnxruntime: version.
        tensorrt: version.
        gpu: name and compute capability.
        precision: what it computes in.
        shapes: of the inputs, by name: 'thermal:1x1x512x640'.
        options: of the user, which may change how it is built.
    """

    model: str
    onnxruntime: str
    tensorrt: str
    gpu: str
    precision: str
    shapes: str
    options: str = ''

    def text(self) -> str:
        """Write it down, the same for the same key."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + '\n'


@dataclass(frozen=True, slots=True)
class Gate:
    """How close the pictures of an engine came to those in fp32.

    Attributes:
        psnr: over all frames, decibels.
        min_psnr: the least that was asked for.
    """

    psnr: float
    min_psnr: float

    @property
    def passed(self) -> bool:
        """Whether the engine may be used."""
        return self.psnr >= self.min_psnr


def cache_root() -> Path:
    """Return the folder of all engines: `$MORNGAN_CACHE`, or one in the user's cache."""
    chosen = os.environ.get(_ENVIRONMENT)
    return (
        Path(chosen).expanduser() if chosen else Path('~/.cache/morngan_ros/engines').expanduser()
    )


def engine_folder(key: EngineKey, root: Path | None = None) -> Path:
    """Return the folder of an engine; made, with the key in it to read, if it is new.

    Raises:
        ProviderError: it cannot be written.
    """
    text = key.text()
    folder = (root or cache_root()) / hashlib.sha256(text.encode()).hexdigest()[:24]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _KEY_FILE).write_text(text, encoding='utf-8')
    except OSError as error:
        raise ProviderError(
            f'{folder}: cannot be written ({error.strerror}), but engines are kept there; '
            f'name another folder with {_ENVIRONMENT}'
        ) from error
    return folder


def is_cold(folder: Path) -> bool:
    """Tell whether no engine has been built into a folder."""
    return not any(folder.glob('*.engine'))


def write_gate(folder: Path, gate: Gate) -> None:
    """Note in an engine's folder how it compares with fp32."""
    (folder / _GATE_FILE).write_text(json.dumps(asdict(gate), indent=2) + '\n', encoding='utf-8')


def read_gate(folder: Path) -> Gate | None:
    """Read what `write_gate` noted; None if the engine was never compared."""
    try:
        return Gate(**json.loads((folder / _GATE_FILE).read_text(encoding='utf-8')))
    except (OSError, ValueError, TypeError):
        return None
