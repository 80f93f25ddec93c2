"""The training itself: what decides it, what runs it, what it writes."""
