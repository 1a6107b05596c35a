def f():
    '''
    Text.
    '''
    return 1

def g(x):
    return x
