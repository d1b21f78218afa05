"""`simsvc-indexer detect`: detection once more, over a window of the record."""
