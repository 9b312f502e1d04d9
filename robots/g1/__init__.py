"""The Unitree G1."""
