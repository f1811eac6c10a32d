"""A picture of the street, onto which its objects are laid."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from morngan_ros.simulation.canvas import Camera
from morngan_ros.simulation.canvas import CAR
from morngan_ros.simulation.canvas import PERSON
from morngan_ros.simulation.canvas import Sprite
from morngan_ros.simulation.movers import Pose
from morngan_ros.simulation.trace import Trace

#: Everything is drawn so many times finer than a pixel, along each side.
FINE = 2
#: Objects with fewer visible pixels than this have neither box nor class: nobody could find them.
SMALLEST_OBJECT = 24
_CLASSES = {'car': CAR, 'person': PERSON}
_UNLABELLED = 255

Box = tuple[str, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Thing:
    """An object to lay onto the picture.

    Attributes:
        label: class name.
        pose: where it is.
        extent: [M, 2] pixels around all that it may fill; empty if it is behind the camera.
        draw: draws it.
        draw_glow: draws how much warmer the ground around it is.
        key: of something that moves: the same in all pictures.
        trace: of something that moves: tells where its pixels were when it had another pose.
    """

    label: str
    pose: Pose
    extent: np.ndarray
    draw: Callable[[Sprite], None]
    draw_glow: Callable[[Sprite], None] | None = None
    key: str = ''
    trace: Callable[[Pose], Trace] | None = None


@dataclass(slots=True)
class ScenePicture:
    """Maps at the size of the picture.

    Attributes:
        temperature: float32 [H, W], degrees Celsius.
        depth: float32 [H, W], metres; the ground is infinitely far, as it hides nothing.
        label: uint8 [H, W], Cityscapes trainIds.
        instance: uint8 [H, W], number of the object, 0 for none.
        things: each numbered object.
    """

    temperature: np.ndarray
    depth: np.ndarray
    label: np.ndarray
    instance: np.ndarray
    things: dict[int, Thing]

    def copy(self) -> 'ScenePicture':
        """Make another one, to lay objects onto."""
        return ScenePicture(
            self.temperature.copy(),
            self.depth.copy(),
            self.label.copy(),
            self.instance.copy(),
            dict(self.things),
        )

    def add(self, camera: Camera, things: Iterable[Thing]) -> None:
        """Lay objects onto the picture, behind what is nearer than they are."""
        for thing in sorted(things, key=lambda thing: -thing.pose.z):
            if len(thing.extent):
                self._add(camera, thing)

    def _add(self, camera: Camera, thing: Thing) -> None:
        sprite = Sprite(camera, thing.extent, FINE)
        if sprite.cover.size == 0:
            return
        number = len(self.things) + 1
        self.things[number] = thing
        where, size = sprite.where, (sprite.width, sprite.height)
        hidden = self.depth[where] < thing.pose.z
        if thing.draw_glow is not None:
            glow = Sprite(camera, thing.extent, 1)
            thing.draw_glow(glow)
            spread = max(3, round(0.3 * camera.focal / max(thing.pose.z, 2.0)))
            ground = np.isinf(self.depth[where])
            self.temperature[where] += ground * cv2.blur(glow.temperature, (spread, spread))
        thing.draw(sprite)
        cover = cv2.resize(sprite.cover.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        colored = cv2.resize(sprite.temperature, size, interpolation=cv2.INTER_AREA)
        cover[hidden] = 0
        colored[hidden] = 0
        self.temperature[where] = self.temperature[where] * (1 - cover) + colored
        solid = cover >= 0.5
        self.label[where][solid] = _CLASSES[thing.label]
        self.instance[where][solid] = number
        self.depth[where][solid] = thing.pose.z

    def boxes(self) -> Iterator[Box]:
        """Enclose what is seen of each object; call once, as it blanks the class of crumbs."""
        sizes = np.bincount(self.instance.ravel(), minlength=len(self.things) + 1)
        for number, thing in self.things.items():
            mine = self.instance == number
            if sizes[number] < SMALLEST_OBJECT:
                self.label[mine] = _UNLABELLED
                continue
            x, y, width, height = cv2.boundingRect(mine.view(np.uint8))
            yield thing.label, float(x), float(y), float(x + width), float(y + height)
