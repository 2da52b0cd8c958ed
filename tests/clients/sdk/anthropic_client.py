"""Asks once for the whole answer and once for a stream of it."""

from pathlib import Path

from anthropic import Anthropic

client = Anthropic()
question = {
    "model": "test",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Say hello."}],
}

answer = client.messages.create(**question)
print("whole:", answer.content[0].text)

words = []
with client.messages.stream(**question) as stream:
    for word in stream.text_stream:
        Path(f"seen-{len(words)}").touch()
        words.append(word)
print("stream:", "".join(words))
