"""The apply room: edits to a changed tree, all files or none, and back again."""
