"""Package registries, as their clients see them: each serves one package to whoever has the token.

They are the `fallback` of a recording origin.
"""
