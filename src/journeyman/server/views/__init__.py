"""What pages show of an attempt: pure functions of its events."""
