"""A plugin for any Kedro project: runs that can be killed, doubled, resumed or starved, and leave whole files.

``README.md`` beside this file says how to switch it on.
"""

__version__ = "0.1.0"
