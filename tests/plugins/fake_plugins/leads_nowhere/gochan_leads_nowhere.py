"""A plugin whose entry point is not written as one."""
