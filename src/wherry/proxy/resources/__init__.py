"""PURE: the Kubernetes objects that routing follows: what is kept of each kind; the table of kinds."""
