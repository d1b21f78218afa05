"""Making a generation: another model's vectors, or another index over the same ones."""
