"""The command line: Typer and Rich only, no logic."""
