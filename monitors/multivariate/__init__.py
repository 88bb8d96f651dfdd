"""Checks that need rows: columns together, words of a text, embeddings. One file a check; ``CHECK`` describes it."""
