one()

three_is_here()
