def f():
    """
    Other
    =====
    """
