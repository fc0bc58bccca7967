"""Where a build's files come from: folders, archives, URLs, other images."""
