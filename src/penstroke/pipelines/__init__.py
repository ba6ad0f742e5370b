"""The stages of the story, one package each."""
