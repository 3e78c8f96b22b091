"""Finding and running checks, reading their reports, comparing them, and resolving citations."""
