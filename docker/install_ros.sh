#!/usr/bin/env bash
# Install ROS where the image lacks it, and what the package in the folder $1 needs.
set -euo pipefail

# Release of the package that holds ROS's key and its list of repositories.
ROS_APT_SOURCE=1.1.0

apt-get update
if ! [[ -d /opt/ros/$ROS_DISTRO ]]; then
  source /etc/os-release
  apt-get install -y --no-install-recommends ca-certificates curl
  package=ros2-apt-source_$ROS_APT_SOURCE.${UBUNTU_CODENAME}_all.deb
  curl --fail --silent --show-error --location --output "/tmp/$package" \
    "https://github.com/ros-infrastructure/ros-apt-source/releases/download/$ROS_APT_SOURCE/$package"
  apt-get install -y "/tmp/$package"
  rm "/tmp/$package"
  apt-get update
  apt-get install -y --no-install-recommends "ros-$ROS_DISTRO-ros-base"
fi
apt-get install -y --no-install-recommends \
  python3-colcon-common-extensions python3-rosdep python3-venv
[[ -f /etc/ros/rosdep/sources.list.d/20-default.list ]] || rosdep init
rosdep update --rosdistro "$ROS_DISTRO"
# pip brings these two in the versions that are tested.
rosdep install --from-paths "$1" --ignore-src -y --dependency-types exec \
  --rosdistro "$ROS_DISTRO" --skip-keys 'python3-onnxruntime-pip python3-rosbags-pip'
rm -rf /var/lib/apt/lists/* "$HOME/.ros"
