"""Traffic with known truth, made of real prompts: organic accounts, confounders and campaigns."""
