"""repoctx: ask a whole repository through a byte-stable, cacheable prefix."""

__version__ = "0.1.0"
