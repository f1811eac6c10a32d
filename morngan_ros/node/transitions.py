"""Answer a lifecycle request that the state does not allow, instead of ending by it."""

from lifecycle_msgs.srv import ChangeState
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode


def refuse_wrong_requests(node: LifecycleNode) -> None:
    """Make the service `~/change_state` of a node refuse a wrong transition on every distribution.

    rclpy of Humble and Jazzy raises an error instead, which ends the executor and the process.
    Kilted answers by itself. There is no public hook: the service is built inside rclpy.
    """
    service = node._service_change_state
    change_state = service.callback

    def answer(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            return change_state(request, response)
        except rclpy_implementation.RCLError as error:
            if not node.context.ok():
                raise  # a signal ended the context under the transition
            wanted = request.transition.label or request.transition.id
            node.get_logger().error(f'transition {wanted} is refused: {error}')
            response.success = False
            return response

    service.callback = answer
