"""Manifests for Kubernetes, how they are rendered, and what checks them."""
