"""The two APIs that most agents speak, as far as a conversation of one turn needs them."""

import json

from harness.deadline import eventually
from harness.http import chunk
from harness.origin import head

WORDS = ["Hello", " from", " the", " origin"]


class LlmApi:
    """Answers one path; holds each event of a stream back until the client has seen the last.

    The client says so by making a file "seen-N" in its working directory, which `workdir` gives.
    """

    def __init__(self, workdir):
        self._workdir = workdir

    def __call__(self, turn):
        question = json.loads(turn.read_body())
        assert question["messages"][0]["content"] == "Say hello."
        if question.get("stream"):
            self._stream(turn)
        else:
            answer = json.dumps(self.answer()).encode()
            turn.reply(200, [("Content-Type", "application/json")], answer)

    def _stream(self, turn):
        fields = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]
        turn.send(head(200, fields))
        for event in self.events_before():
            turn.send(chunk(event))
        for count, word in enumerate(WORDS):
            turn.send(chunk(self.event_of(word)))
            seen = self._workdir() / f"seen-{count}"
            eventually(seen.exists, f"event {count} at the client, before the next one is sent")
        for event in self.events_after():
            turn.send(chunk(event))
        turn.send(b"0\r\n\r\n")


class OpenAiApi(LlmApi):
    """POST /v1/chat/completions."""

    HOST = "api.openai.com"
    PATH = "/v1/chat/completions"
    VARIABLE = "OPENAI_API_KEY"
    RULE = {"header": "Authorization", "format": "Bearer ${value}"}

    @staticmethod
    def credential(request, secret):
        return request.fields.one("authorization") == f"Bearer {secret}"

    def answer(self):
        message = {"role": "assistant", "content": "".join(WORDS)}
        return self._object("chat.completion", message=message, finish_reason="stop")

    def events_before(self):
        return []

    def event_of(self, word):
        return self._event(delta={"content": word}, finish_reason=None)

    def events_after(self):
        return [self._event(delta={}, finish_reason="stop"), b"data: [DONE]\n\n"]

    def _event(self, **choice):
        return f"data: {json.dumps(self._object('chat.completion.chunk', **choice))}\n\n".encode()

    @staticmethod
    def _object(kind, **choice):
        return {
            "id": "chatcmpl-1",
            "object": kind,
            "created": 1,
            "model": "test",
            "choices": [{"index": 0, **choice}],
        }


class AnthropicApi(LlmApi):
    """POST /v1/messages."""

    HOST = "api.anthropic.com"
    PATH = "/v1/messages"
    VARIABLE = "ANTHROPIC_API_KEY"
    RULE = {"header": "x-api-key"}

    @staticmethod
    def credential(request, secret):
        return request.fields.one("x-api-key") == secret

    def answer(self):
        return self._message([{"type": "text", "text": "".join(WORDS)}], "end_turn")

    def events_before(self):
        block = {"type": "text", "text": ""}
        return [
            self._event("message_start", message=self._message([], None)),
            self._event("content_block_start", index=0, content_block=block),
        ]

    def event_of(self, word):
        delta = {"type": "text_delta", "text": word}
        return self._event("content_block_delta", index=0, delta=delta)

    def events_after(self):
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        return [
            self._event("content_block_stop", index=0),
            self._event("message_delta", delta=end, usage={"output_tokens": 4}),
            self._event("message_stop"),
        ]

    @staticmethod
    def _event(kind, **content):
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n".encode()

    @staticmethod
    def _message(content, stop_reason):
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "test",
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 4},
        }
