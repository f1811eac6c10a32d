"""Start the node `colorizer`: thermal images in, daytime colour images and detections out.

Example:
    ros2 launch morngan_ros colorize.launch.py image:=/camera/thermal/image_raw \
        camera_info:=/camera/thermal/camera_info namespace:=camera detector:=/data/yolov8n.onnx
"""

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from morngan_ros.fastdds import profile_variable

# Arguments that are parameters of the node, with their types: given, they go before params_file.
PARAMETERS = {
    'model': str,
    'detector': str,
    'provider': str,
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
                description='Topic of the thermal images; /compressed is added where it is needed.',
            ),
            DeclareLaunchArgument(
                'camera_info',
                default_value='camera_info',
                description='Topic of the calibration of the thermal camera.',
            ),
            DeclareLaunchArgument(
                'namespace',
                default_value='',
                description='Namespace of the node and of all topics with relative names.',
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value=PathJoinSubstitution([CONFIG, 'colorize.yaml']),
                description='Parameters of the node (YAML; substitutions are allowed).',
            ),
            DeclareLaunchArgument(
                'model',
                default_value='',
                description='ONNX file of the generator. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'detector',
                default_value='',
                description='ONNX file of a YOLO detector. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'provider',
                default_value='',
                choices=['', 'auto', 'tensorrt', 'cuda', 'openvino', 'cpu'],
                description='What runs the models. Empty: as in params_file.',
            ),
            DeclareLaunchArgument(
                'image_transport',
                default_value='',
                choices=['', 'raw', 'compressed'],
                description='How the images come. Empty: as in params_file.',
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
                'respawn',
                default_value='false',
                choices=['true', 'false'],
                description='Start the node again whenever it ends.',
            ),
            DeclareLaunchArgument(
                'log_level',
                default_value='info',
                choices=['debug', 'info', 'warn', 'error', 'fatal'],
                description='Least severity of what is logged.',
            ),
            # Fast DDS loses large frames without it; a profile of the user has precedence.
            SetEnvironmentVariable(
                profile_variable(),
                EnvironmentVariable(
                    profile_variable(), default_value=PathJoinSubstitution([CONFIG, 'fastdds.xml'])
                ),
            ),
            OpaqueFunction(function=colorizer),
        ]
    )


def colorizer(context: LaunchContext) -> list[Node]:
    params_file = ParameterFile(LaunchConfiguration('params_file'), allow_substs=True)
    given = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in PARAMETERS.items()
        if LaunchConfiguration(name).perform(context)
    }
    return [
        Node(
            package='morngan_ros',
            executable='colorize',
            name='colorizer',
            namespace=LaunchConfiguration('namespace'),
            parameters=[params_file, given],
            remappings=[
                ('image_raw', LaunchConfiguration('image')),
                ('camera_info', LaunchConfiguration('camera_info')),
            ],
            ros_arguments=['--log-level', LaunchConfiguration('log_level')],
            respawn=LaunchConfiguration('respawn'),
            respawn_delay=1.0,
            output='screen',
            emulate_tty=True,
        )
    ]
