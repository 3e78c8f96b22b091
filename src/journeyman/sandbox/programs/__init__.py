"""The programs of a sandbox that run alone: its launcher, the one that forks launchers, and its supervisor inside."""
