"""What a run will request, before it starts."""
