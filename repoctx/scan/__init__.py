"""The scan room; see README.md in the folder above."""
