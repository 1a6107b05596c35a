def add(self):
    if self.one:
        with self.call() as made:
            made.add(
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "eight",
            )
    return 1
