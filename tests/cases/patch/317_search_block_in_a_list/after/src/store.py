import os
import sys


def load(path):
    """Read a file."""
    with open(path, encoding="utf-8") as handle:
        return handle.read()


def save(path, text):
    """Write a file."""
    with open(path, "w") as handle:
        handle.write(text)


class Store:
    def __init__(self, root):
        self.root = root

    def get(self, name):
        return load(os.path.join(self.root, name))

    def put(self, name, text):
        save(os.path.join(self.root, name), text)
