"""Journeyman: a software engineer that you hand tasks to."""

__version__ = "0.1.0"
