"""The distribution that is set, and the team of processes it makes of us."""

_current = None


def distribution():
    """The distribution that `set_distribution` set, or None.

    >>> import fastkeras as keras
    >>> keras.distribution.distribution() is None
    True
    """
    return _current


def set_distribution(value):
    """Sets the distribution that models train under; None for none."""
    global _current
    from fastkeras.distribution.data_parallel import DataParallel

    if value is not None and not isinstance(value, DataParallel):
        raise ValueError(
            f"[set_distribution] value must be None or a DataParallel. Received: value={value} (of type {type(value)})"
        )
    _current = value


def current_team():
    """The `Team` of the distribution that is set; None when this process trains alone."""
    return None if _current is None else _current.team


def writes_files():
    """Is this the process that writes files and prints?"""
    team = current_team()
    return team is None or team.is_root
