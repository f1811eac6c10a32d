"""Install the package where ament looks for it: node, launch files, configuration, models."""

import os
from pathlib import Path
import xml.etree.ElementTree as ET

from setuptools import find_packages
from setuptools import setup

# Version and people stand there alone.
PACKAGE = ET.parse('package.xml').getroot()
NAME = PACKAGE.findtext('name')
# Relative: colcon and setuptools install data files by their path in the source tree.
SHARE = Path('share') / NAME
# A vehicle does not train: `MORNGAN_TRAIN=1 colcon build` installs that half too.
TRAINING = ['morngan_train*'] if os.environ.get('MORNGAN_TRAIN') == '1' else []


def requirements(name: str) -> list[str]:
    """Read a pinned requirements file without its comments."""
    lines = Path('requirements', f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line for line in (line.split('#')[0].strip() for line in lines) if line]


def data(folder: str, *patterns: str) -> tuple[str, list[str]]:
    """List the files of a folder to be installed in the same folder of the share directory."""
    files = [str(path) for pattern in patterns for path in sorted(Path(folder).glob(pattern))]
    return str(SHARE / folder), files


setup(
    name=NAME,
    version=PACKAGE.findtext('version'),
    description=' '.join(PACKAGE.findtext('description').split()),
    license=PACKAGE.findtext('license'),
    url=PACKAGE.findtext('url'),
    author=PACKAGE.findtext('author'),
    maintainer=PACKAGE.findtext('maintainer'),
    maintainer_email=PACKAGE.find('maintainer').get('email'),
    python_requires='>=3.10',
    packages=find_packages(include=['morngan_ros*', *TRAINING]),
    package_data={
        'morngan_train': ['*.yaml'],
        'morngan_train.masks': ['*.yaml'],
        'morngan_train.report': ['page.*'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (str(SHARE), ['package.xml', 'LICENSE', 'NOTICE', 'CHANGELOG.rst']),
        data('launch', '*.launch.py'),
        data('config', '*.yaml', '*.xml', '*.rviz', '*.json'),
        data('config/sros2', '*.xml'),
        data('config/train', '*.yaml'),
        data('models', '*.onnx', '*.md'),
    ],
    # rosdep installs what package.xml names; a list here would be checked against pip's metadata,
    # which Debian's packages of numpy and OpenCV do not have.
    install_requires=['setuptools'],
    extras_require={
        'gpu': requirements('gpu'),  # replaces onnxruntime: never install both
        'openvino': [line for line in requirements('runtime') if line.startswith('openvino')],
        'detector': ['ultralytics'],  # AGPL-3.0; only exports YOLO weights, the runtime has no use
        # `colcon test` runs pytest where this names it; the other packages are in package.xml.
        'test': ['pytest', 'hypothesis', 'onnx'],
        'train': requirements('train'),
        'teachers': requirements('teachers'),
        'cluster': requirements('cluster'),
        'dev': requirements('dev'),
    },
    zip_safe=True,
    entry_points={
        'console_scripts': [
            'colorize = morngan_ros.node.__main__:main',
            'camera_simulator = morngan_ros.tools.camera_simulator:main',
            'colorize_files = morngan_ros.tools.colorize:main',
            'load_test = morngan_ros.tools.load_test:main',
            'images_to_bag = morngan_ros.tools.images_to_bag:main',
            'kaist_to_bag = morngan_ros.tools.kaist_to_bag:main',
            'flir_to_bag = morngan_ros.tools.flir_to_bag:main',
            'recorder = morngan_ros.tools.recorder:main',
            'soak = morngan_ros.tools.soak.__main__:main',
            'replay = morngan_ros.tools.replay:main',
            'status = morngan_ros.tools.status:main',
            'build_engine = morngan_ros.tools.build_engine:main',
        ],
    },
)
