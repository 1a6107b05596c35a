def big():
    one()
    two()
    three()
    four()
    five()
    return 60


def small():
    return 7
