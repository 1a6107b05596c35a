a = "x"
b = "y"
print(a)
