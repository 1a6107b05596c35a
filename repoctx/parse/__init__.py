"""The parse room; see README.md in the folder above."""
