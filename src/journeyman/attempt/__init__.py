"""One attempt, from checkout to result."""
