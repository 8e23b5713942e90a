"""The job queue: jobs, workers, the ledger, and stopping."""
