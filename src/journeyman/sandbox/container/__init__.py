"""Containers as sandboxes: an engine's API, what is laid out in a container, and what runs there first."""
