"""What the exchange's own exports look like, and what the words in them mean."""
