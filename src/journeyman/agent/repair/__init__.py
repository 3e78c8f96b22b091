"""The repair strategy, for models that cannot steer themselves."""

from journeyman.agent.repair.strategy import repair

__all__ = ["repair"]
