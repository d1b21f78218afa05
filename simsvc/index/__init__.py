"""FAISS segments and their snapshots."""
