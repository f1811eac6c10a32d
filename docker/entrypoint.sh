#!/usr/bin/env bash
# Give a command the environment of the workspace.
set -e
source /ws/install/setup.bash
exec "$@"
