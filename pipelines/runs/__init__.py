"""One pass of one flow."""
