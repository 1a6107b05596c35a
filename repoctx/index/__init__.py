"""The index room; see README.md in the folder above."""
