"""The Unitree H1."""
