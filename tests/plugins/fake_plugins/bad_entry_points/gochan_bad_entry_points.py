"""A plugin that is fine, if only it could be found."""
