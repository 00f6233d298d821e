"""What the data is: datasets, their columns and checks, and the model of flows.yaml. No network, no disk."""
