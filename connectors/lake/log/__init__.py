"""The Delta log: compare-and-set commits, cursors, recovery, evolution."""
