"""Durable execution on Temporal."""
