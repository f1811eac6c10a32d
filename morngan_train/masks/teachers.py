"""Teachers: what gives day pictures their first labels, as the two networks of Sec. 3.3.2 do.

A teacher is either a folder of masks made elsewhere, or a segmentation network of the Hugging Face
hub. All speak Cityscapes trainIds, with 255 where they are not sure or know no such class.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import fields
import importlib
from importlib import resources
import json
from pathlib import Path
import re
from typing import Any
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F
import yaml

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.data.enhance import enhance_day
from morngan_train.data.enhance import tone_curve
from morngan_train.data.reading import check_size
from morngan_train.data.reading import DataError
from morngan_train.data.reading import find_companions
from morngan_train.data.reading import read_map
from morngan_train.errors import TrainError
from morngan_train.recipe.recipe import DayEnhancement

INSTALL = 'pip install -r requirements/teachers.txt'

THRESHOLD = 0.5
"""Confidence below which a pixel stays unlabelled: a label then outweighs all others together."""

SIDE = 800
"""Shorter side at which networks see pictures, as Detectron2 shows COCO to its networks."""

STRIDE = 32
"""Sides are multiples of it, so that every stage of the networks divides them without padding."""

HAZE = DayEnhancement(low=1, high=99, mean=0.4)
"""Contrast of enhanced pictures. On hazy ones of FLIR such a stretch raised the agreement of two
networks from 0.66 to 0.80 of the pixels."""

HUB_NAME = re.compile(r'(\w[\w.-]*/)?\w[\w.-]*')

TRAIN_IDS = frozenset({*range(CLASSES), UNLABELLED})

ClassMap = Mapping[str | int, int]
"""Class names of a network, or values of a mask, -> trainIds."""

_SPELLED = {Label.LIGHT: 'traffic light', Label.SIGN: 'traffic sign'}

CITYSCAPES: ClassMap = {_SPELLED.get(label, label.name.lower()): int(label) for label in Label}
"""Cityscapes' class names as networks spell them -> trainIds; names, because orders differ."""


class TeacherError(TrainError):
    """A teacher cannot be opened."""


@dataclass(frozen=True, slots=True)
class Options:
    """How networks look at pictures; of no concern to folders of masks."""

    threshold: float = THRESHOLD
    """Least confidence in [0, 1] of a labelled pixel."""
    side: int = SIDE
    """Shorter side in pixels at which they see a picture."""
    enhance: bool = False
    """Stretch the contrast of what they see."""
    device: str = 'cpu'
    """Where they run: `cpu`, `cuda`, `cuda:1`."""


class Teacher(Protocol):
    """What labels day pictures."""

    settings: dict[str, Any]
    """All that its labels depend on, for JSON."""

    def __call__(self, name: str, rgb: np.ndarray) -> np.ndarray:
        """Label a picture.

        Args:
            name: Of its file, without suffix.
            rgb: uint8 [H, W, 3].

        Returns:
            trainIds, uint8 [H, W], 255 for unlabelled.

        Raises:
            DataError: The mask of that picture is damaged, has another size or other values.
        """


def open_teacher(
    source: str,
    pictures: list[Path],
    class_map: ClassMap | None = None,
    options: Options = Options(),
) -> Teacher:
    """Open a folder of masks, a folder that holds a saved network, or a network of the hub.

    Args:
        source: Folder, or name on the hub, `facebook/mask2former-swin-large-coco-panoptic`.
        pictures: To be labelled; a folder of masks must have them all.
        class_map: Classes -> trainIds; None: trainIds as they are (folder), or chosen by the names
            of the network's classes (Cityscapes, COCO panoptic).
        options: Of networks.

    Raises:
        DataError: Masks are missing.
        TeacherError: There is no such folder or network, its classes are unknown, the class map
            does not fit them, the device cannot be used, or transformers is not installed.
    """
    folder = Path(source)
    if folder.is_dir() and not (folder / 'config.json').is_file():
        return MaskFolder(folder, pictures, class_map)
    if not folder.is_dir() and not HUB_NAME.fullmatch(source):
        raise TeacherError(f'{source} does not exist, and is not a name on the Hugging Face hub')
    return Network(source, class_map, options)


class MaskFolder:
    """Masks made elsewhere: NAME.png for each picture, single-channel, 8 bits.

    Args:
        folder: Where they are.
        pictures: All of which must have a mask.
        class_map: Values -> trainIds; values that it lacks become 255. None: trainIds already.

    Raises:
        DataError: Masks are missing.
        TeacherError: The class map has other keys than values of 8 bits.
    """

    def __init__(
        self, folder: Path, pictures: list[Path], class_map: ClassMap | None = None
    ) -> None:
        hint = 'add them as NAME.png, or choose another teacher'
        files = find_companions(folder, pictures, hint, suffixes=frozenset({'.png'}))
        self.files = {file.stem: file for file in files}
        self.settings: dict[str, Any] = {'masks': str(folder), 'class_map': class_map}
        self.table = None if class_map is None else _value_table(class_map)

    def __call__(self, name: str, rgb: np.ndarray) -> np.ndarray:
        """Read the mask of a picture: uint8 [H, W, 3] -> uint8 [H, W]."""
        file = self.files[name]
        values = read_map(file)
        check_size(file, values, rgb)
        labels = values if self.table is None else self.table[values]
        strange = sorted(set(np.unique(labels).tolist()) - TRAIN_IDS)
        if strange:
            raise DataError(
                f'{file} holds {", ".join(map(str, strange))}: not trainIds (0 to 18, 255); '
                'translate other ids with a class map (--map)'
            )
        return labels


def _value_table(class_map: ClassMap) -> np.ndarray:
    table = np.full(256, UNLABELLED, np.uint8)
    for value, label in class_map.items():
        if not isinstance(value, int) or not 0 <= value <= 255:
            raise TeacherError(
                f'the class map of a mask folder has the key {value!r}; keys must be 0 to 255'
            )
        table[value] = label
    return table


@dataclass(frozen=True, slots=True)
class Normalization:
    """What a processor's configuration says about values; ImageNet's where it is silent."""

    rescale_factor: float = 1 / 255
    image_mean: Sequence[float] = (0.485, 0.456, 0.406)
    image_std: Sequence[float] = (0.229, 0.224, 0.225)

    def __call__(self, rgb: np.ndarray) -> Tensor:
        """uint8 [H, W, 3] -> float32 [1, 3, H, W]."""
        x = (rgb * self.rescale_factor - self.image_mean) / self.image_std
        return torch.from_numpy(x).float().permute(2, 0, 1)[None]


class Network:
    """A segmentation network of the hub, semantic (SegFormer) or of mask queries (Mask2Former).

    Pictures are resized by `side` with their proportions: the processors of the published
    Mask2Former and SegFormer networks name squares of 384 or 512 pixels, in which distant persons
    and signs vanish. Only its normalisation is followed.

    Args:
        source: Folder or name on the hub.
        class_map: Class names -> trainIds; None: Cityscapes or COCO panoptic, whichever fits.
        options: How it looks at pictures.

    Raises:
        TeacherError: See `open_teacher`.
    """

    def __init__(
        self, source: str, class_map: ClassMap | None = None, options: Options = Options()
    ) -> None:
        self.model, self.normalization = _load(source)
        _move(self.model.eval(), options.device)
        self.options = options
        labels = self.model.config.id2label
        names = [str(labels[i]).lower() for i in range(len(labels))]
        class_map = class_map or _known_map(names, source)
        self.groups = membership(names, class_map).to(options.device)
        looks = {name: value for name, value in asdict(options).items() if name != 'device'}
        self.settings: dict[str, Any] = {'network': source, 'class_map': class_map, **looks}

    @torch.inference_mode()
    def __call__(self, name: str, rgb: np.ndarray) -> np.ndarray:
        """Label a picture: uint8 [H, W, 3] -> uint8 [H, W]."""
        output = self.model(pixel_values=self._prepare(rgb).to(self.options.device))
        evidence = query_evidence(output) if 'class_queries_logits' in output else _softmax(output)
        labels = decide(evidence, self.groups, rgb.shape[:2], self.options.threshold)
        return labels.cpu().numpy()

    def _prepare(self, rgb: np.ndarray) -> Tensor:
        """uint8 [H, W, 3] -> float32 [1, 3, h, w], as the network wants to see it."""
        if self.options.enhance:
            rgb = enhance_day(rgb, tone_curve(rgb, HAZE), HAZE.saturation)
        height, width = fit(rgb.shape[:2], self.options.side)
        how = cv2.INTER_AREA if height < rgb.shape[0] else cv2.INTER_LINEAR
        resized = cv2.resize(rgb, (width, height), interpolation=how)
        return self.normalization(resized)


def fit(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Give the (H, W) at which a picture is seen: shorter near `side`, multiples of STRIDE."""
    height, width = (max(1, round(side * n / min(shape) / STRIDE)) * STRIDE for n in shape)
    return height, width


def query_evidence(output: Mapping[str, Tensor]) -> Tensor:
    """Sum the votes of the mask queries for each class, Mask2Former's semantic inference.

    Args:
        output: Logits `class_queries_logits` [1, Q, C + 1], the last of no object, and
            `masks_queries_logits` [1, Q, h, w].

    Returns:
        [C, h, w], sum over q of P(class of q) · P(pixel in mask of q); a pixel's sum over the
        classes may exceed 1 where queries overlap and is near 0 where none claims it.
    """
    classes = output['class_queries_logits'][0].softmax(-1)[:, :-1]
    return torch.einsum('qc,qhw->chw', classes, output['masks_queries_logits'][0].sigmoid())


def _softmax(output: Mapping[str, Tensor]) -> Tensor:
    return output['logits'][0].softmax(0)


def membership(names: list[str], class_map: ClassMap) -> Tensor:
    """Say which classes of a network belong to which trainId.

    Args:
        names: Of the network's C classes, in its order.
        class_map: Class names -> trainIds; classes that it lacks belong to none.

    Returns:
        float32 [20, C], one 1 a column; row 19 are the classes without a trainId.

    Raises:
        TeacherError: The map names classes that the network does not have.
    """
    unknown = sorted(str(name) for name in class_map if str(name).lower() not in names)
    if unknown:
        raise TeacherError(
            f'the class map names a class that the network does not have: {unknown[0]!r}'
        )
    ids = {str(name).lower(): label for name, label in class_map.items()}
    rows = torch.tensor([min(ids.get(name, UNLABELLED), CLASSES) for name in names])
    return F.one_hot(rows, CLASSES + 1).T.float()


def decide(evidence: Tensor, groups: Tensor, shape: tuple[int, ...], threshold: float) -> Tensor:
    """Choose the trainId of each pixel.

    The classes of one trainId (four kinds of wall) add up before they compete. The confidence of a
    pixel is the share of the winner in the evidence of that pixel, or its evidence alone where that
    is less than 1 in all.

    Args:
        evidence: float32 [C, h, w], at least 0.
        groups: Of `membership`, [20, C].
        shape: (H, W) of the picture.
        threshold: Least confidence.

    Returns:
        uint8 [H, W]; 255 where the winner has no trainId or too little confidence.
    """
    scores = torch.einsum('gc,chw->ghw', groups, evidence)[None]
    scores = F.interpolate(scores, size=tuple(shape), mode='bilinear', align_corners=False)[0]
    confidence, label = (scores / scores.sum(0).clamp(min=1)).max(0)
    unsure = (label == CLASSES) | (confidence < threshold)
    return label.masked_fill(unsure, UNLABELLED).to(torch.uint8)


def read_class_map(path: Path) -> ClassMap:
    """Read a YAML file of class names, or values of masks, and their trainIds.

    Raises:
        TeacherError: It cannot be read, or gives other values than trainIds.
    """
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise TeacherError(f'{path} cannot be read: {error}') from error
    return _parse_class_map(text, str(path))


def coco_class_map() -> ClassMap:
    """Give the map of COCO panoptic's 133 classes that comes with the package."""
    file = resources.files(__package__) / 'coco_to_trainids.yaml'
    return _parse_class_map(file.read_text(encoding='utf-8'), file.name)


def _parse_class_map(text: str, name: str) -> ClassMap:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TeacherError(f'{name} cannot be read as YAML: {error}') from error
    if not isinstance(content, dict):
        raise TeacherError(f'{name} is not a mapping of classes to trainIds')
    for key, label in content.items():
        if not isinstance(label, int) or label not in TRAIN_IDS:
            raise TeacherError(f'{name} maps {key!r} to {label!r}: not a trainId (0 to 18, 255)')
    return content


def _known_map(names: list[str], source: str) -> ClassMap:
    """Choose the map all of whose classes a network has; ADE20K's know a sidewalk too."""
    for known in (CITYSCAPES, coco_class_map()):
        if known.keys() <= set(names):
            return known
    raise TeacherError(
        f'{source} knows {", ".join(names[:5])} ..., the classes of neither Cityscapes nor COCO '
        'panoptic; give the trainIds of its classes in a file (--map)'
    )


def _load(source: str) -> tuple[Any, Normalization]:
    """Load a network and how it wants its pictures, from a folder, the cache or the hub.

    The processors' own code is not used: it needs torchvision, whose versions must fit PyTorch's.
    """
    try:
        # By name, so that type checkers do not follow it: it is optional and very large.
        transformers: Any = importlib.import_module('transformers')
    except ImportError as error:
        raise TeacherError(f'{source} is a network and needs transformers: {INSTALL}') from error
    try:
        config = transformers.AutoConfig.from_pretrained(source)
        processor = transformers.utils.cached_file(source, 'preprocessor_config.json')
        normalization = _parse_normalization(json.loads(Path(processor).read_text('utf-8')))
        model = _auto_class(transformers, config).from_pretrained(source, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TeacherError(
            f'{source} is neither a folder of masks nor a network that can be loaded from a folder '
            f'or the hub: {reason}'
        ) from error
    return model, normalization


def _parse_normalization(processor: dict[str, Any]) -> Normalization:
    known = {field.name for field in fields(Normalization)}
    return Normalization(**{name: value for name, value in processor.items() if name in known})


def _auto_class(transformers: Any, config: Any) -> Any:
    if config.model_type in ('maskformer', 'mask2former'):
        return transformers.AutoModelForUniversalSegmentation
    return transformers.AutoModelForSemanticSegmentation


def _move(model: Any, device: str) -> None:
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:  # PyTorch raises either, by build
        raise TeacherError(f'device {device} cannot be used: {error}') from error
