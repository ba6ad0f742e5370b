"""A run can be killed, doubled or starved, and what is on disk is whole. Nothing here knows any project."""
