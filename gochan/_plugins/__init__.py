"""Plugins: found, loaded, and made into strategies."""
