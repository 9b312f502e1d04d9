"""What an operator wants: a velocity, and the events that lead from state to state."""

from deploy.runtime.inputs.wish import Input, InputError, RemoteStop, Shaper, Wish

__all__ = ["Input", "InputError", "RemoteStop", "Shaper", "Wish"]
