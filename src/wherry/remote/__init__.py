"""Files from elsewhere: over HTTP, and out of git repositories."""
