def big():
    one()
    two()
    three()
    four()
    five()
    return 6


def small():
    return 7
