"""Pure values without I/O: tasks, events, messages, evidence, and the folds over events."""
