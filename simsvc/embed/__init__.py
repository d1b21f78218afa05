"""The sentence-transformers embedder."""
