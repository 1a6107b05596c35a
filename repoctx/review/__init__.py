"""What is wrong with a change: structural rules, anchors, fingerprints, renderers."""
