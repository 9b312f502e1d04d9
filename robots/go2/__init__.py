"""The Unitree Go2."""
