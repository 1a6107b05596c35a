def f():
    x()
    y()
