"""Tree-sitter queries, one file a language."""
