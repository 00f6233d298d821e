"""flows.yaml and credentials."""
