"""Git hooks: install them, run them. Never reads stdin, never writes the tree."""
