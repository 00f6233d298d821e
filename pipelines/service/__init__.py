"""Prefect and child processes: flows, server, supervisor, doctor, demo."""
