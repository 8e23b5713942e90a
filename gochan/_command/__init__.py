"""The command gochan."""
