"""Environments: chosen or detected, built once, and opened as read-only layers below an attempt."""
