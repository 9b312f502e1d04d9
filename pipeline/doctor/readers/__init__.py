"""Readers of metadata: each turns one dialect into `Described`."""
