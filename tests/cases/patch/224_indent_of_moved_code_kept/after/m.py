def f():
    if a:
        x()
        y()
