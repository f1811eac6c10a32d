"""What the package is built from; the rest of the tree need not be copied."""

SOURCES = (
    'CHANGELOG.rst',
    'LICENSE',
    'NOTICE',
    'config',
    'launch',
    'models',
    'morngan_ros',
    'morngan_train',
    'package.xml',
    'requirements',
    'resource',
    'setup.cfg',
    'setup.py',
)
