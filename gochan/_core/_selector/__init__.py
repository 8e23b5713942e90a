"""The selector: the same cases, waited for again and again."""
