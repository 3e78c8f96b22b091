"""The command line.

Importing takes most of a short command's time. Collecting garbage meanwhile, and pydantic's search for plugins, are a
tenth of that, so both are off until the command is at work (`main`).
"""

import gc
import os

gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
