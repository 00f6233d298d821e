"""What every pull of a run shares: session, progress, receipts, run log."""
