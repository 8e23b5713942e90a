"""A plugin whose entry point names something that it does not have."""
