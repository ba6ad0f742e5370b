"""``kedro draft``: the first draft of the domain, from the head of a table."""
