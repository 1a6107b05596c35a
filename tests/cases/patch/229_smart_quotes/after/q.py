a = "x"
b = "z"
print(a)
