"""Indexes that operators declare on fields of payloads: to declare and list them, and the job that makes and drops them."""
