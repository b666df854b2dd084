"""A toy."""


def double(x: int) -> int:
    """Double a number, as :term:`Alpha` does.

    Args:
        x: the number.
    """
    return 2 * x
