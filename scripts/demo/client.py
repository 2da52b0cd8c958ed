"""A program that puts its key into the query, as some APIs want it."""

import os
import urllib.parse
import urllib.request

key = urllib.parse.quote(os.environ["EXAMPLE_AI_API_KEY"])
with urllib.request.urlopen(f"https://api.example.com/v1/models?key={key}") as reply:
    print(reply.read().decode().strip())
