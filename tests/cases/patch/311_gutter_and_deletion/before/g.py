one()

two_is_here()

three_is_here()
