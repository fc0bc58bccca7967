"""What is kept on disk: blobs, layers, names, cache records, containers' records, and their locks."""
