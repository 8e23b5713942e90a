"""`gochan.debug`: seeing what is stuck, and what has happened."""
