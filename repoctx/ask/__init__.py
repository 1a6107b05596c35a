"""The ask room; see README.md in the folder above."""
