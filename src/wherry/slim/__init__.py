"""From a fat image to what its program needs: closure, observation, the slim image, and its proof."""
