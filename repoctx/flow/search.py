"""The job of searching: ranked files, passages and definitions of a snapshot."""

from __future__ import annotations
