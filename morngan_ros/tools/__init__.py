"""Commands to run as `python -m morngan_ros.tools.NAME`; each tells about itself with --help."""
