"""Where things stand in the simulated street."""

# Across the street, in metres from the camera, which stands near the right kerb.
LEFT_KERB, RIGHT_KERB = -10.0, 2.6
LEFT_WALL, RIGHT_WALL = -14.0, 6.8
LANE_AWAY, LANE_TOWARD = -1.7, -5.4
CROSSWALK = (13.0, 16.0)
