"""How campaigns leave the house, and how partners' reports come in."""
