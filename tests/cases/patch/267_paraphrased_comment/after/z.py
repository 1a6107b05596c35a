import os


def read(path):
    # Open the file and give its text back
    data = open(path).read()
    verify(data)
    return data


def other(path):
    return None
