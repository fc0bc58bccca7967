"""PURE: nginx configuration as values, and the one place that turns values into nginx syntax."""
