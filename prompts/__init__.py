"""Prompt texts; no logic."""
