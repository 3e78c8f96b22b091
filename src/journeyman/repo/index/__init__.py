"""An index of a repository's symbols and text, so that the places that a question is about are found at once."""
