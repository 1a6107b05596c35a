"""The pack room; see README.md in the folder above."""
