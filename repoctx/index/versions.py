"""What rows were made by: rows of other versions are not seen, and are made anew."""

INDEX_VERSION = 1
"""Raised when the same text gives another outline than before."""

TERMS_VERSION = 1
"""Raised when the same text gives other terms than before: old rows no longer match."""
