"""The cockpit: a robot driven from a web page, through the runtime that drives it everywhere."""

from robots.errors import UserError


class CockpitError(UserError):
    """The cockpit cannot be opened as it was asked for."""
