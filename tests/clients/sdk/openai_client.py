"""Asks once for the whole answer and once for a stream of it."""

from pathlib import Path

from openai import OpenAI

client = OpenAI()
question = {"model": "test", "messages": [{"role": "user", "content": "Say hello."}]}

answer = client.chat.completions.create(**question)
print("whole:", answer.choices[0].message.content)

words = []
for event in client.chat.completions.create(**question, stream=True):
    if word := event.choices[0].delta.content:
        Path(f"seen-{len(words)}").touch()
        words.append(word)
print("stream:", "".join(words))
