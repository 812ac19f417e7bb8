"""Prepare real servers and clean deployments for tests; imports `deploy.local` and the apps, imported by tests and `deploy.bench`."""
