"""From typed instructions to an image: plan, cache keys, execution."""
