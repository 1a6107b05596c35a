KEY = "abc"
x = 1
