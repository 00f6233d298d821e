"""The ways to pull a list, one file each; symbols and their selection."""
