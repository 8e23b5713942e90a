"""The kit that tests strategies."""
