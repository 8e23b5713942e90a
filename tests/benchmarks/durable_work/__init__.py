"""The pieces of work that ``durable.py`` measures, each in a process of its own."""
