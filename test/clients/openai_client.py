"""The official Python client against a running server; `npm run test:python` starts one.

The model is random and greedy: what parses does so because the server sees to it.
"""

import asyncio
import json
import os
import re
import time
import unittest
import urllib.request
from typing import Literal

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

SERVER = os.environ["HETEROSPEC_URL"]
MODEL = "tiny"
MESSAGES = [{"role": "user", "content": "red blue red blue red"}]
ENDLESS = {"ignore_eos": True}


class Paint(BaseModel):
    """Paints."""

    colour: Literal["red", "blue"]
    coats: int = Field(ge=1, le=9)


SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "coats": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["colour", "coats"],
    "additionalProperties": False,
}
TOOL = openai.pydantic_function_tool(Paint, name="paint")


def places() -> list[bool]:
    """Which places of the server are at work."""
    request = urllib.request.Request(f"{SERVER}/slots", headers={"Authorization": "Bearer key"})
    with urllib.request.urlopen(request) as response:
        return [slot["is_processing"] for slot in json.load(response)]


def work_ends() -> bool:
    """Waits until no place is at work; False when one still is after a while."""
    for _ in range(2400):
        if not any(places()):
            return True
        time.sleep(0.025)
    return False


class Client(unittest.TestCase):
    """The synchronous client."""

    def setUp(self) -> None:
        self.client = OpenAI(base_url=f"{SERVER}/v1", api_key="key", max_retries=0)
        self.addCleanup(self.client.close)

    def ask(self, **fields):
        return self.client.chat.completions.create(model=MODEL, messages=MESSAGES, **fields)

    def plain(self) -> str:
        return self.ask(max_tokens=16, extra_body={**ENDLESS, "speculative": False}).choices[0].message.content


class Chats(Client):
    """Plain answers."""

    def test_models(self) -> None:
        self.assertIn(MODEL, [model.id for model in self.client.models.list()])

    def test_chat(self) -> None:
        answer = self.ask(max_tokens=16, extra_body=ENDLESS)
        self.assertEqual(answer.choices[0].message.content, self.plain())
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 16)
        self.assertIsNotNone(answer.usage.prompt_tokens_details.cached_tokens)

    def test_several_drawn(self) -> None:
        fields = {"n": 2, "seed": 3, "temperature": 1.0, "max_tokens": 8}
        first, second = (
            [choice.message.content for choice in self.ask(**fields).choices] for _ in range(2)
        )
        self.assertEqual(first, second)
        self.assertEqual(len(first), 2)

    def test_stream(self) -> None:
        options = {"include_usage": True}
        chunks = list(self.ask(max_tokens=16, extra_body=ENDLESS, stream=True, stream_options=options))
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        self.assertEqual(text, self.plain())
        self.assertEqual(chunks[-1].usage.completion_tokens, 16)

    def test_plain_text(self) -> None:
        answer = self.client.completions.create(model=MODEL, prompt="red blue", max_tokens=4, logprobs=2)
        logprobs = answer.choices[0].logprobs
        self.assertEqual([len(logprobs.tokens), len(logprobs.token_logprobs)], [4, 4])
        self.assertTrue(all(len(top) == 2 for top in logprobs.top_logprobs))

    def test_log_probabilities(self) -> None:
        answer = self.ask(max_tokens=16, logprobs=True, top_logprobs=2, extra_body=ENDLESS)
        content = answer.choices[0].logprobs.content
        # Control tokens have names there, which no text shows.
        said = re.sub(rb"<\|\w+\|>", b"", b"".join(bytes(token.bytes) for token in content))
        self.assertEqual(said.decode(errors="replace"), self.plain())
        self.assertTrue(all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in content))

    def test_streamed_log_probabilities(self) -> None:
        whole = self.ask(max_tokens=16, logprobs=True, extra_body=ENDLESS).choices[0].logprobs.content
        streamed = []
        for chunk in self.ask(max_tokens=16, logprobs=True, extra_body=ENDLESS, stream=True):
            for choice in chunk.choices:
                streamed += choice.logprobs.content if choice.logprobs else []
        self.assertEqual([token.logprob for token in streamed], [token.logprob for token in whole])


class Vectors(Client):
    """Embeddings."""

    def test_embeddings(self) -> None:
        answer = self.client.embeddings.create(model=MODEL, input=["red", "blue", "red"])
        red, blue, again = (item.embedding for item in answer.data)
        self.assertEqual(red, again)
        self.assertNotEqual(red, blue)
        self.assertAlmostEqual(sum(value * value for value in red), 1, places=5)
        floats = self.client.embeddings.create(model=MODEL, input="red", encoding_format="float").data[0].embedding
        self.assertTrue(all(abs(a - b) < 1e-6 for a, b in zip(floats, red, strict=True)))


class Forms(Client):
    """Answers in a form, and calls of tools."""

    def test_schema(self) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "paint", "schema": SCHEMA, "strict": True}}
        Paint.model_validate_json(self.ask(response_format=form).choices[0].message.content)

    def test_any_object(self) -> None:
        answer = self.ask(response_format={"type": "json_object"}, max_tokens=60)
        self.assertTrue(answer.choices[0].message.content.startswith("{"))

    def test_parse(self) -> None:
        answer = self.client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Paint)
        self.assertIsInstance(answer.choices[0].message.parsed, Paint)

    def test_streamed_parse(self) -> None:
        with self.client.chat.completions.stream(model=MODEL, messages=MESSAGES, response_format=Paint) as stream:
            for _ in stream:
                pass
            self.assertIsInstance(stream.get_final_completion().choices[0].message.parsed, Paint)

    def test_tools(self) -> None:
        answer = self.ask(tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        message = answer.choices[0].message
        (call,) = message.tool_calls
        Paint.model_validate_json(call.function.arguments)
        messages = [*MESSAGES, message, {"role": "tool", "tool_call_id": call.id, "content": "done"}]
        after = self.client.chat.completions.create(
            model=MODEL, messages=messages, tools=[TOOL], tool_choice="none", max_completion_tokens=4
        )
        self.assertIsNone(after.choices[0].message.tool_calls)

    def test_streamed_tools(self) -> None:
        fields = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}
        with self.client.chat.completions.stream(model=MODEL, messages=MESSAGES, **fields) as stream:
            (call,) = stream.get_final_completion().choices[0].message.tool_calls
        self.assertIsInstance(call.function.parsed_arguments, Paint)


class Ends(Client):
    """Errors, and clients that leave."""

    def test_errors(self) -> None:
        with self.assertRaises(openai.NotFoundError):
            self.client.chat.completions.create(model="other", messages=MESSAGES)
        with self.assertRaises(openai.BadRequestError) as refused:
            self.ask(temperature=-1)
        self.assertEqual((refused.exception.param, refused.exception.code), ("temperature", "invalid_value"))
        with self.assertRaises(openai.BadRequestError) as unknown:
            self.ask(extra_body={"no_such_field": 1})
        self.assertEqual(unknown.exception.code, "unknown_parameter")
        with self.assertRaises(openai.AuthenticationError):
            self.client.with_options(api_key="wrong").models.list()

    def test_leaving_a_stream(self) -> None:
        stream = self.ask(max_tokens=1500, extra_body=ENDLESS, stream=True)
        next(iter(stream))
        stream.close()
        self.assertTrue(work_ends())

    def test_impatience(self) -> None:
        with self.assertRaises(openai.APITimeoutError):
            self.client.with_options(timeout=0.1).chat.completions.create(
                model=MODEL, messages=MESSAGES, max_tokens=1500, extra_body=ENDLESS
            )
        self.assertTrue(work_ends())


class Side(unittest.IsolatedAsyncioTestCase):
    """The asynchronous client."""

    async def asyncSetUp(self) -> None:
        self.client = AsyncOpenAI(base_url=f"{SERVER}/v1", api_key="key", max_retries=0)

    async def asyncTearDown(self) -> None:
        await self.client.close()

    async def ask(self, **fields):
        return await self.client.chat.completions.create(model=MODEL, messages=MESSAGES, **fields)

    async def test_several_at_once(self) -> None:
        answers = await asyncio.gather(*(self.ask(max_tokens=12, extra_body=ENDLESS) for _ in range(6)))
        self.assertEqual(len({answer.choices[0].message.content for answer in answers}), 1)

    async def test_stream(self) -> None:
        whole = await self.ask(max_tokens=12, extra_body=ENDLESS)
        text = ""
        async for chunk in await self.ask(max_tokens=12, extra_body=ENDLESS, stream=True):
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
        self.assertEqual(text, whole.choices[0].message.content)

    async def test_cancelled(self) -> None:
        task = asyncio.create_task(self.ask(max_tokens=1500, extra_body=ENDLESS))
        while not any(await asyncio.to_thread(places)):
            await asyncio.sleep(0.01)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertTrue(await asyncio.to_thread(work_ends))


if __name__ == "__main__":
    unittest.main(verbosity=2)
