if a:
    c()
