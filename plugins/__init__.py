"""The shipped providers, registered as a stranger's would be."""
