"""Channels and select: what tasks wait for, and how."""
