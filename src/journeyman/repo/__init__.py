"""A repository seen from outside, always as hostile."""
