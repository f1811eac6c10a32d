"""The command `report`: several evaluations side by side, on one page."""
