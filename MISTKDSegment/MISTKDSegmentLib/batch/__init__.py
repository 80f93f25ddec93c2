"""Many scans: which there are, who segments them, and what became of each."""
