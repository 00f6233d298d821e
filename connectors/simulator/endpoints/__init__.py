"""What each endpoint returns: one row per endpoint."""
