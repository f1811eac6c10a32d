"""Play a recording through the node `colorizer` and look at it.

All arguments of colorize.launch.py are arguments of this file too.

Examples:
    ros2 launch morngan_ros replay.launch.py bag:=night_bag image:=/thermal/image_raw loop:=true
    ros2 launch morngan_ros replay.launch.py bag:=set00/V000/lwir viewer:=foxglove
    ros2 launch morngan_ros replay.launch.py bag:=sim cameras:=[left,right]
"""

from functools import partial

from ament_index_python.packages import get_package_prefix
from ament_index_python.packages import PackageNotFoundError
from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.actions import OpaqueFunction
from launch.actions import Shutdown
from launch.actions import TimerAction
from launch.events.process import ProcessExited
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from morngan_ros.launching import arguments
from morngan_ros.launching.keeping import Failures
from morngan_ros.launching.keeping import Scope

SHARE = FindPackageShare('morngan_ros')

# What a viewer needs beside this package.
PACKAGES = {'rviz': 'rviz2', 'foxglove': 'foxglove_bridge'}


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'bag',
                description='Input: a bag, a folder of pictures or a video; sim is a '
                'simulated camera.',
            ),
            DeclareLaunchArgument(
                'rate',
                default_value='1.0',
                description='Speed; 2.0 is twice the recorded speed.',
            ),
            DeclareLaunchArgument(
                'loop',
                default_value='false',
                choices=['true', 'false'],
                description='Restart at the end; stamps then jump back.',
            ),
            DeclareLaunchArgument(
                'delay',
                default_value='5.0',
                description='Seconds before it plays, while models load and viewers open.',
            ),
            DeclareLaunchArgument(
                'viewer',
                default_value='rviz',
                choices=['rviz', 'foxglove', 'none'],
                description='RViz, the bridge for Foxglove on port 8765, or none; with none, the '
                'launch ends with the recording.',
            ),
            DeclareLaunchArgument(
                'player_enclave',
                default_value='',
                description='SROS2 enclave of the player: /morngan_ros/replay. Empty: none.',
            ),
            DeclareLaunchArgument(
                'viewer_enclave',
                default_value='',
                description='SROS2 enclave of the viewer, from your own policy. Empty: none.',
            ),
            # Before anything runs: what has started is left alone when launch fails.
            OpaqueFunction(function=require_viewer),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(
                    PathJoinSubstitution([SHARE, 'launch', 'colorize.launch.py'])
                ),
                launch_arguments={'use_sim_time': 'true'}.items(),
            ),
            OpaqueFunction(function=player_and_viewer),
        ]
    )


def require_viewer(context: LaunchContext) -> None:
    """See that the viewer is installed.

    Raises:
        RuntimeError: It is not; launch prints the message and ends.
    """
    viewer = LaunchConfiguration('viewer').perform(context)
    package = PACKAGES.get(viewer)
    try:
        if package is not None:
            get_package_prefix(package)
    except PackageNotFoundError:
        raise RuntimeError(
            f'viewer:={viewer} needs the package {package}; install it '
            f'(apt: ros-$ROS_DISTRO-{package.replace("_", "-")}) or take viewer:=none'
        ) from None


def player_and_viewer(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    failures = Failures()
    cameras = arguments.cameras(context)
    player = Node(
        package='morngan_ros',
        executable='replay',
        arguments=[
            arguments.value(context, 'bag'),
            '--clock',
            '--rate',
            arguments.value(context, 'rate'),
            *(['--loop'] if arguments.value(context, 'loop') == 'true' else []),
            *(['--cameras', *cameras] if cameras != [''] else []),
        ],
        ros_arguments=arguments.enclave(context, 'player_enclave'),
        output='screen',
        on_exit=partial(end_of_player, failures, arguments.value(context, 'viewer') == 'none'),
        namespace=arguments.namespace(context),
        # The player and RViz are to use the names that the nodes use.
        remappings=[pair for camera in cameras for pair in arguments.remappings(context, camera)],
    )
    # When a timer comes to its period and actions, the scope of this file may have been left.
    seconds = float(arguments.value(context, 'delay'))
    delayed = TimerAction(period=seconds, actions=[Scope(context).around(lambda: player)])
    return [failures.handler(), delayed, *viewers(context, cameras)]


def end_of_player(
    failures: Failures, unwatched: bool, event: ProcessExited, context: LaunchContext
) -> list[Shutdown] | None:
    """End all where nobody looks at the last picture."""
    if context.is_shutdown:
        return None
    failures.note(event)
    if unwatched:
        return [Shutdown(reason='the recording has ended')]
    return None


def viewers(context: LaunchContext, cameras: list[str]) -> list[Node]:
    """Make the viewers: RViz for each camera, or one bridge for all."""
    name = arguments.value(context, 'viewer')
    if name == 'rviz':
        config = PathJoinSubstitution([SHARE, 'config', 'colorize.rviz'])
        return [
            Node(
                package=PACKAGES[name],
                executable='rviz2',
                arguments=['-d', config],
                parameters=[{'use_sim_time': True}],
                ros_arguments=arguments.enclave(context, 'viewer_enclave'),
                on_exit=Shutdown(reason='RViz was closed'),
                namespace=arguments.namespace(context, camera),
                remappings=arguments.remappings(context),
            )
            for camera in cameras
        ]
    if name == 'foxglove':
        return [
            Node(
                package=PACKAGES[name],
                executable='foxglove_bridge',
                parameters=[{'use_sim_time': True}],
                ros_arguments=arguments.enclave(context, 'viewer_enclave'),
                output='screen',
            )
        ]
    return []
