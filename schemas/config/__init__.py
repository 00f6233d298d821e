"""The model of flows.yaml and of the values in it."""
