"""What follows from the declarations: SQL, documentation, the canonical form of rows."""
