"""Start the node `colorizer`: thermal images in, daytime colour images and detections out.

Examples:
    ros2 launch morngan_ros colorize.launch.py image:=/camera/thermal/image_raw \
        camera_info:=/camera/thermal/camera_info namespace:=camera detector:=/data/yolov8n.onnx
    ros2 launch morngan_ros colorize.launch.py cameras:=[left,right] cpus:=[0-3,4-7]
"""

from functools import partial

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import SetEnvironmentVariable
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import EnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from morngan_ros.host.fastdds import profile_variable
from morngan_ros.launching import arguments
from morngan_ros.launching.keeping import Failures
from morngan_ros.launching.keeping import Keeper
from morngan_ros.launching.keeping import OnExit

# Arguments that are parameters of the node, with their types: given, they go before params_file.
PARAMETERS = {
    'model': str,
    'detector': str,
    'provider': str,
    'threads': int,
    'image_transport': str,
    'autostart': bool,
    'use_sim_time': bool,
}

CONFIG = PathJoinSubstitution([FindPackageShare('morngan_ros'), 'config'])


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'image',
                default_value='image_raw',
                description='Topic of the thermal images, without /compressed.',
            ),
            DeclareLaunchArgument(
                'camera_info',
                default_value='camera_info',
                description='Topic of the calibration of the thermal camera.',
            ),
            DeclareLaunchArgument(
                'color_image',
                default_value='',
                description='Topic of the colour images; JPEG images are at /compressed below it. '
                'Empty: color/image_raw.',
            ),
            DeclareLaunchArgument(
                'color_camera_info',
                default_value='',
                description='Topic of the calibration of the colour images. Empty: camera_info '
                'beside color_image.',
            ),
            DeclareLaunchArgument(
                'overlay_image',
                default_value='',
                description='Topic of the colour images with boxes. Empty: overlay/image_raw.',
            ),
            DeclareLaunchArgument(
                'detections',
                default_value='detections',
                description='Topic of the detections.',
            ),
            DeclareLaunchArgument(
                'old_names',
                default_value='false',
                choices=['true', 'false'],
                description='Empty names of outputs are those of release 0.1: image_color, '
                'camera_info_color, image_overlay. The next release removes this switch.',
            ),
            DeclareLaunchArgument(
                'namespace',
                default_value='',
                description='Namespace of the node and of all topics with relative names.',
            ),
            DeclareLaunchArgument(
                'cameras',
                default_value='',
                description='Names such as [left,right]: one node for each name, in a namespace of '
                'this name below `namespace`. Empty: one node for one camera.',
            ),
            DeclareLaunchArgument(
                'cpus',
                default_value='',
                description='Processors that each node may use, such as [0-3,4-7], in the order of '
                'cameras. Empty: all.',
            ),
            DeclareLaunchArgument(
                'threads',
                default_value='',
                description='Processor threads for the models of each node. Empty: as many as its '
                'cpus, or as in params_file if cpus is empty.',
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value='',
                description='Parameters of the node (YAML; substitutions are allowed); copy '
                'config/colorize.yaml. Empty: the defaults of the node.',
            ),
            DeclareLaunchArgument(
                'model',
                default_value='',
                description='ONNX file of the generator. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'detector',
                default_value='',
                description='none, or the ONNX file of a YOLO or YOLOX detector. Empty: as in '
                'params_file, which means the head of the model.',
            ),
            DeclareLaunchArgument(
                'provider',
                default_value='',
                choices=['', 'auto', 'tensorrt', 'cuda', 'openvino', 'cpu'],
                description='Runtime of the models. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'image_transport',
                default_value='',
                choices=['', 'raw', 'compressed'],
                description='Raw or compressed input images. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'autostart',
                default_value='',
                choices=['', 'true', 'false'],
                description='Configure and activate at the start. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'use_sim_time',
                default_value='',
                choices=['', 'true', 'false'],
                description='Take the time from /clock, for bags. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'enclave',
                default_value='',
                description='SROS2 enclave of the node, such as /morngan_ros/colorizer; all nodes '
                'of cameras share it. Empty: none.',
            ),
            DeclareLaunchArgument(
                'respawn',
                default_value='false',
                choices=['true', 'false'],
                description='Restart the node whenever it ends, until it has ended five times in a '
                'row within ten seconds of its start.',
            ),
            DeclareLaunchArgument(
                'log_level',
                default_value='info',
                choices=['debug', 'info', 'warn', 'error', 'fatal'],
                description='Minimum severity of log messages.',
            ),
            # Fast DDS loses large frames without it; a profile of the user has precedence.
            SetEnvironmentVariable(
                profile_variable(),
                EnvironmentVariable(
                    profile_variable(), default_value=PathJoinSubstitution([CONFIG, 'fastdds.xml'])
                ),
            ),
            OpaqueFunction(function=colorizers),
        ]
    )


def colorizers(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make a node for each camera, or the only one.

    Raises:
        RuntimeError: A list makes no sense; launch prints the message and ends.
    """
    cameras = arguments.cameras(context)
    cpus = arguments.listed(context, 'cpus', r'\d+(-\d+)?(,\d+(-\d+)?)*', '0-3')
    if cpus and len(cpus) != len(cameras):
        raise RuntimeError(f'{len(cpus)} cpus for {len(cameras)} nodes: name one for each')
    failures = Failures()
    respawn = arguments.value(context, 'respawn') == 'true'
    made = [
        partial(colorizer, context, camera, cpus[index] if cpus else '')
        for index, camera in enumerate(cameras)
    ]
    return [
        failures.handler(),
        *(Keeper(context, make, failures, respawn).start() for make in made),
    ]


def colorizer(context: LaunchContext, camera: str, cpus: str, on_exit: OnExit) -> Node:
    """Make the node of one camera; without a name of its own it is the only one."""
    # Without a file the node has its defaults, and SetParameter of a launch file around this one
    # has an effect.
    file = LaunchConfiguration('params_file')
    files = [ParameterFile(file, allow_substs=True)] if file.perform(context) else []
    given = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in PARAMETERS.items()
        if LaunchConfiguration(name).perform(context)
    }
    if cpus:
        # Left to itself, a runtime may start a thread for every processor of the machine.
        given.setdefault('threads', count(cpus))
    return Node(
        package='morngan_ros',
        executable='colorize',
        name='colorizer',
        namespace=arguments.namespace(context, camera),
        parameters=[*files, given],
        remappings=arguments.remappings(context),
        ros_arguments=[
            '--log-level',
            LaunchConfiguration('log_level'),
            *arguments.enclave(context, 'enclave'),
        ],
        prefix=f'taskset -c {cpus}' if cpus else None,
        on_exit=on_exit,
        output='screen',
        emulate_tty=True,
    )


def count(cpus: str) -> int:
    """Count the processors of a set such as '0-3,8'."""
    ends = [span.split('-') for span in cpus.split(',')]
    return sum(int(span[-1]) - int(span[0]) + 1 for span in ends)
