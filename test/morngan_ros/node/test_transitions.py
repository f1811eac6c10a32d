"""Every lifecycle state meets every transition: the node obeys or refuses, and lives on."""

from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from ros_fixtures import colorizer
from ros_fixtures import NodeProcess
from ros_fixtures import Probe
from ros_fixtures import probe
from tiny_models import save_generator

# What the life cycle of ROS 2 allows from outside: state -> transition -> next state.
ALLOWED = {
    'unconfigured': {
        Transition.TRANSITION_CONFIGURE: 'inactive',
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: 'finalized',
    },
    'inactive': {
        Transition.TRANSITION_CLEANUP: 'unconfigured',
        Transition.TRANSITION_ACTIVATE: 'active',
        Transition.TRANSITION_INACTIVE_SHUTDOWN: 'finalized',
    },
    'active': {
        Transition.TRANSITION_DEACTIVATE: 'inactive',
        Transition.TRANSITION_ACTIVE_SHUTDOWN: 'finalized',
    },
    'finalized': {},
}
# What leads from a fresh node to a state.
WAYS = {
    'unconfigured': [],
    'inactive': [Transition.TRANSITION_CONFIGURE],
    'active': [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE],
    'finalized': [Transition.TRANSITION_UNCONFIGURED_SHUTDOWN],
}
# All that lifecycle_msgs names, those that only the node itself may trigger among them, and numbers
# that nobody knows.
NAMED = sorted(
    {value for name in dir(Transition) if isinstance(value := getattr(Transition, name), int)}
)
IDS = [*NAMED, 100, 255]


@pytest.fixture(scope='module')
def model(tmp_path_factory) -> Path:
    return save_generator(tmp_path_factory.mktemp('model') / 'tiny.onnx')


def refuse(opened: Probe, process: NodeProcess, state: str, **transition: int | str) -> None:
    request = ChangeState.Request()
    for name, value in transition.items():
        setattr(request.transition, name, value)
    assert not opened.call(ChangeState, 'colorizer/change_state', request).success, transition
    assert process.alive
    assert opened.state() == state


@pytest.mark.parametrize('state', ALLOWED)
def test_every_transition_in_every_state(tmp_path, model, state):
    assert {
        Transition.TRANSITION_CREATE,
        Transition.TRANSITION_DESTROY,
        Transition.TRANSITION_ON_ERROR_ERROR,
    } < set(IDS)
    parameters = {'model': model, 'provider': 'cpu', 'threads': 1, 'autostart': False}
    with colorizer(tmp_path, '/matrix', **parameters) as process, probe('/matrix') as opened:
        for transition in WAYS[state]:
            assert opened.change_state(transition)
        assert opened.state() == state
        for number in set(IDS) - set(ALLOWED[state]):
            refuse(opened, process, state, id=number)
        refuse(opened, process, state, label='fly')
        # It still does what is allowed.
        for transition, after in ALLOWED[state].items():
            if after != 'finalized':
                assert opened.change_state(transition)
                assert opened.state() == after
                back = next(t for t, s in ALLOWED[after].items() if s == state)
                assert opened.change_state(back)
        for transition, after in ALLOWED[state].items():
            if after == 'finalized':
                assert opened.change_state(transition)
                assert opened.state() == 'finalized'


def test_a_manager_may_configure_a_node_that_started_itself(tmp_path, model):
    with colorizer(tmp_path, '/twice', model=model, provider='cpu') as process:
        process.wait_for_log('generator tiny runs on')
        with probe('/twice') as opened:
            refuse(opened, process, opened.state(), id=Transition.TRANSITION_CONFIGURE)
            assert opened.change_state(Transition.TRANSITION_DEACTIVATE)
