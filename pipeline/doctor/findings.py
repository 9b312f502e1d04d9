"""What a check says: how bad, what, where, and how to mend it."""

import dataclasses
import enum
from dataclasses import dataclass

from robots.errors import UserError


class DoctorError(UserError):
    """A file cannot be examined at all."""


class Severity(enum.StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """On a robot this goes wrong."""
    WARNING = "warning"
    """This may go wrong, or makes the policy worse than it could be."""
    NOTE = "note"
    """Worth knowing; also what could not be examined, and why."""


@dataclass(frozen=True)
class Finding:
    """One finding.

    Args:
        severity: How bad.
        check: Short name of the check, a heading of docs/doctor.md.
        what: What is wrong, with the figures.
        where: File, metadata key, tensor or joint.
        fix: What to do about it.
    """

    severity: Severity
    check: str
    what: str
    where: str
    fix: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {key: str(value) for key, value in dataclasses.asdict(self).items()}


def error(check: str, what: str, where: str, fix: str) -> Finding:
    """A finding that goes wrong on a robot."""
    return Finding(Severity.ERROR, check, what, where, fix)


def warning(check: str, what: str, where: str, fix: str) -> Finding:
    """A finding that may go wrong."""
    return Finding(Severity.WARNING, check, what, where, fix)


def note(check: str, what: str, where: str, fix: str) -> Finding:
    """A finding worth knowing."""
    return Finding(Severity.NOTE, check, what, where, fix)
