"""The HTTP service for the production model, and a page to try it. ``kedro serve`` runs it."""
