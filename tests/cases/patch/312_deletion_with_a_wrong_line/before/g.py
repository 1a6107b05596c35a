keep_this()
old_one()
old_two()
and_this()
