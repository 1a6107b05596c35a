"""The apply room: edits to a changed tree; see README.md in the folder above."""
