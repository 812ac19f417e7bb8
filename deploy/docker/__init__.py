"""The product's image."""
