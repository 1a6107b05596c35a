if a:
    go(1)
    go(2)
for b in c:
    if d:
        go(1)
        go(2)
