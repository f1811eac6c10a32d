"""The README names everything that a user can set, and nothing that does not exist."""

from pathlib import Path
import re

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def test_the_page_of_parameters_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, defaults, meaning, ranges and when changes count: `make parameters` writes them."""
    pytest.importorskip('rclpy', reason='needs ROS 2')
    monkeypatch.syspath_prepend(str(ROOT / 'scripts'))
    import write_parameters

    assert write_parameters.PAGE.read_text(encoding='utf-8') == write_parameters.page()


def test_modules_exist():
    for module in set(re.findall(r'\bmorngan_(?:ros|train)(?:\.\w+)+', README)):
        path = ROOT.joinpath(*module.split('.'))
        assert path.with_suffix('.py').is_file() or path.is_dir(), module


def test_links_and_make_targets_exist():
    for link in re.findall(r'\]\(([^)#:]+)\)', README):
        assert (ROOT / link).exists(), link
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    for target in set(re.findall(r'(?:^|`)make (\w+)', README, flags=re.MULTILINE)):
        assert re.search(rf'^{target}:', makefile, flags=re.MULTILINE), target


def test_launch_arguments_exist():
    files = ('colorize.launch.py', 'replay.launch.py')
    launch = ''.join((ROOT / 'launch' / file).read_text(encoding='utf-8') for file in files)
    for argument in re.findall(r'(?<![\w-])(\w+):=', README):
        if argument in ('image_raw', 'model'):  # remaps and parameters of the node itself
            continue
        assert f"'{argument}'" in launch, argument


def test_the_example_in_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thermal = np.random.default_rng(0).integers(7000, 9000, (48, 64), np.uint16)
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('night.png', thermal)
    (example,) = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    exec(compile(example, 'README.md', 'exec'), {})
    assert cv2.imread('day.png').shape == (48, 64, 3)


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130
