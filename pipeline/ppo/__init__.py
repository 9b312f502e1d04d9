"""PPO from Brax's parts; the loop is ours, short, and knows nothing about robots."""
