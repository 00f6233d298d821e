"""The public archive: its listing, and its files, downloaded, verified and read."""
