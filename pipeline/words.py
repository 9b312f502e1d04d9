"""Words that reports of all kinds share."""


def listed(names: list[str], most: int = 4) -> str:
    """Some names for a sentence: the first few, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
