"""A plugin that is not Python."""

def gochan_strategies(:
    pass
