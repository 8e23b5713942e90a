"""The simulator of loads."""
