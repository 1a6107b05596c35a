a = 'x y'
c
