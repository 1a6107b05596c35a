keep_this()
and_this()
