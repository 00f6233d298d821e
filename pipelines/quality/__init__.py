"""Checks, expectations, completeness statements, the audit of archive files."""
