"""The command gochan run: a job for each line."""
