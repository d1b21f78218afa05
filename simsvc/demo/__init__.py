"""Traffic that the project makes itself, and the demo that replays it."""
