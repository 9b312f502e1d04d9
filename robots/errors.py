"""The one base class of errors that a user can act on."""


class UserError(Exception):
    """An error whose message says what is wrong, where, and what to do: no stack trace needed."""
