"""What a build leaves: an image, archives, files."""
