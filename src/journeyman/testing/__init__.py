"""Contract suites and builders for people who write plug-ins."""
