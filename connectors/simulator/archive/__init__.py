"""The public archive of the simulated market."""
