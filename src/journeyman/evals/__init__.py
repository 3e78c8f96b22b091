"""Measuring how well tasks are solved: sets of tasks, runs of the same attempts that people get, grades, reports."""
