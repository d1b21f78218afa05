"""The detector, baselines and ablations on traffic with known truth."""
