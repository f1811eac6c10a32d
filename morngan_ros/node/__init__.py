"""The node `colorizer`: all that talks ROS while a vehicle drives."""
