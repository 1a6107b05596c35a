def test_one():
    x = make()
    run(x)
    assert x.ok


def test_two():
    x = make()
    run(x)
    assert x.ok
