def f():
    """
    Title
    =====
    """
