a = 'x y'
b
