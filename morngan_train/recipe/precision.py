"""The number formats that a recipe or a command line may ask for."""

from typing import Literal
from typing import TypeAlias

Choice: TypeAlias = Literal['auto', '32-true', 'tf32', 'bf16-mixed']
AUTO: Choice = 'auto'
FULL: Literal['32-true'] = '32-true'
TF32: Choice = 'tf32'
BF16: Literal['bf16-mixed'] = 'bf16-mixed'
CHOICES: tuple[Choice, ...] = (AUTO, FULL, TF32, BF16)
