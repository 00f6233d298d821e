"""The exchange's own exports: read, held against what the lake knows, and kept."""
