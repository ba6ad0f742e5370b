"""The production model behind HTTP, and a page to try it; ``kedro serve`` runs it."""
