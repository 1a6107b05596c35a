"""Doors for editors and agents: what they ask on stdin, the answer on stdout."""
