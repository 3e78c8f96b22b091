"""Finished tasks as training data: trajectories, preference pairs, and an environment with the checks as reward."""
