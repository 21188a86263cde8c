"""The server with the official client of the OpenAI API, and invalid requests."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import openai
import pytest

from dataset_tools.errors import InputError, TrainingError, UsageError
from dataset_tools.prompt.render import Segment
from tests.training.eval_data import TOOLS
from training.answers.decode import DecodeOptions, load_decoder
from training.answers.decoder import Answer
from training.answers.model_source import find_model
from training.serve.openai_api import read_request
from training.serve.server import ChatServer

ROOT = Path(__file__).parents[3]
CALL = "<start_function_call>call:get_weather{city:<escape>جدة<escape>,days:3}<end_function_call>"


class Scripted:
    """A decoder with one answer for all prompts, which it records."""

    def __init__(self, answer: str | Exception, *, stopped: bool = True) -> None:
        self.facts: dict[str, Any] = {}
        self.prompts: list[str] = []
        self.limits: list[int] = []
        self._answer, self._stopped = answer, stopped

    def answers(self, prompts: Sequence[Sequence[Segment]], max_tokens: int) -> Iterator[tuple[int, Answer]]:
        """Yield the answer for each prompt."""
        if isinstance(self._answer, Exception):
            raise self._answer
        for at, prompt in enumerate(prompts):
            self.prompts.append("".join(part.text for part in prompt))
            self.limits.append(max_tokens)
            yield at, Answer(self._answer, 7, self._stopped)


@contextmanager
def _running(server: ChatServer) -> Iterator[openai.OpenAI]:
    """Yield a client of a running server."""
    with server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=60) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


def _raw(server: ChatServer, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the error of a request that the client does not make."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found["error"]


@pytest.mark.slow
@pytest.mark.xdist_group("taught")
@pytest.mark.parametrize("form", ["folder", "gguf"])
def test_the_official_client_gets_calls(form: str, request: pytest.FixtureRequest) -> None:
    """One call, parallel calls and text, from both forms of a model; then a prompt longer than the first."""
    if form == "gguf":
        pytest.importorskip("xllamacpp")
    model = request.getfixturevalue("taught_gguf" if form == "gguf" else "taught")
    decoder = load_decoder(find_model(str(model)), DecodeOptions(batch=1))
    with _running(ChatServer(decoder, "taught")) as client:

        def ask(text: str) -> Any:
            messages: Any = [{"role": "user", "content": text}]
            tools: Any = TOOLS
            return client.chat.completions.create(model="taught", messages=messages, tools=tools, temperature=0.7)

        made = ask("سؤال one").choices[0]
        assert (made.finish_reason, made.message.content) == ("tool_calls", None)
        [call] = made.message.tool_calls
        assert (call.type, call.function.name) == ("function", "get_weather")
        assert json.loads(call.function.arguments) == {"city": "جدة", "days": 3}
        both = ask("سؤال parallel").choices[0].message.tool_calls
        assert [json.loads(one.function.arguments)["city"] for one in both] == ["باريس", "أبها"]
        assert len({one.id for one in both}) == 2
        words = ask("سؤال words").choices[0]
        assert (words.finish_reason, words.message.content, words.message.tool_calls) == ("stop", "أهلًا بك", None)
        assert ask("سؤال " * 700).choices[0].finish_reason
        assert ask("سؤال one").choices[0].finish_reason == "tool_calls"


def test_a_conversation_continues_after_results() -> None:
    """Calls come back as JSON text with ids, results by id, and the model continues its turn."""
    decoder = Scripted("الجو حار")
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "جدة"}'}}
    messages: Any = [
        {"role": "user", "content": [{"type": "text", "text": "ما الطقس؟"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "حار"},
    ]
    tools: Any = TOOLS
    with _running(ChatServer(decoder, "m")) as client:
        made = client.chat.completions.create(model="m", messages=messages, tools=tools, max_completion_tokens=9)
    assert made.choices[0].message.content == "الجو حار"
    assert decoder.prompts[0].endswith(
        "<start_function_response>response:get_weather{value:<escape>حار<escape>}<end_function_response>"
    )
    assert decoder.prompts[0].startswith("<bos><start_of_turn>developer\nYou are a model that can do function calling")
    assert decoder.limits == [9]


@pytest.mark.parametrize(
    "content,shown",
    [
        ('{"temp": 31, "المدينة": "جدة"}', "{temp:31,المدينة:<escape>جدة<escape>}"),
        ({"temp": 31}, "{temp:31}"),
        ({"name": "get_weather", "response": {"temp": 31}}, "{temp:31}"),
        ([{"type": "text", "text": '{"temp": 31}'}], "{temp:31}"),
        ("[31]", "{value:<escape>[31]<escape>}"),
        ('{"12:00": 31}', '{value:<escape>{"12:00": 31}<escape>}'),
    ],
    ids=str,
)
def test_a_structured_result_keeps_its_structure(content: Any, shown: str) -> None:
    """JSON text of an object, as clients send it, is shown as in training data after ``clean``."""
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "ما الطقس؟"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": content},
    ]
    prompt = read_request({"messages": messages, "tools": TOOLS}, [], 9).prompt
    assert prompt[-1].text == f"response:get_weather{shown}<end_function_response>"


def test_tools_of_the_server_are_the_default(tmp_path: Path) -> None:
    """A request with tools, or with ``tool_choice: none``, overrides them."""
    del tmp_path
    decoder = Scripted(CALL)
    messages: Any = [{"role": "user", "content": "سؤال"}]
    tools: Any = TOOLS
    with _running(ChatServer(decoder, "m", tools, max_tokens=50)) as client:
        assert client.chat.completions.create(model="m", messages=messages).choices[0].message.tool_calls
        client.chat.completions.create(model="m", messages=messages, tools=tools[1:], max_tokens=10**9)
        client.chat.completions.create(model="m", messages=messages, tool_choice="none")
        assert [model.id for model in client.models.list()] == ["m"]
    declared = [re.findall(r"declaration:(\w+)", prompt) for prompt in decoder.prompts]
    assert declared == [["get_weather", "convert"], ["convert"], []]
    assert decoder.limits == [50, 50, 50]


def test_a_developer_turn_of_the_client_is_kept() -> None:
    """A system message replaces the usual sentence."""
    decoder = Scripted("نعم")
    messages: Any = [{"role": "system", "content": "تكلم بإيجاز"}, {"role": "user", "content": "سؤال"}]
    with _running(ChatServer(decoder, "m")) as client:
        client.chat.completions.create(model="m", messages=messages)
    [prompt] = decoder.prompts
    assert prompt == (
        "<bos><start_of_turn>developer\nتكلم بإيجاز<end_of_turn>\n"
        "<start_of_turn>user\nسؤال<end_of_turn>\n<start_of_turn>model\n"
    )


@pytest.mark.parametrize(
    "answer, stopped, content, reason",
    [
        ("<start_function_call>call:", True, "<start_function_call>call:", "stop"),
        ("كلام طوي", False, "كلام طوي", "length"),
        ("", True, None, "stop"),
    ],
)
def test_an_answer_without_a_call_is_content(answer: str, stopped: bool, content: str | None, reason: str) -> None:  # noqa: FBT001
    """Text that cannot be parsed is returned unchanged, and a truncated answer says so."""
    messages: Any = [{"role": "user", "content": "سؤال"}]
    with _running(ChatServer(Scripted(answer, stopped=stopped), "m")) as client:
        made = client.chat.completions.create(model="m", messages=messages).choices[0]
    assert (made.message.content, made.message.tool_calls, made.finish_reason) == (content, None, reason)


@pytest.mark.parametrize(
    "changes, field, what",
    [
        ({"stream": True}, "stream", "only false is supported"),
        ({"n": 2}, "n", "only 1 is supported"),
        ({"tool_choice": "required"}, "tool_choice", 'only "auto" or "none" is supported'),
        ({"max_tokens": 0}, "max_tokens", "an integer of at least 1"),
        ({"max_tokens": True}, "max_tokens", "an integer of at least 1"),
        ({"messages": []}, "messages", "not a list of messages"),
        ({"messages": None}, "messages", "not a list of messages"),
        ({"messages": [{"role": "user"}]}, "messages", "content"),
        ({"messages": [{"role": "pirate", "content": "x"}]}, "messages", "pirate"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages",
            "400 - messages[0].content is neither",
        ),
        ({"tools": [{"type": "function"}]}, "tools", ""),
        ({"tools": 3}, "tools", ""),
    ],
)
def test_an_invalid_request_is_refused_with_its_field(changes: dict[str, Any], field: str, what: str) -> None:
    """The official client raises its own error."""
    arguments: Any = {"model": "m", "messages": [{"role": "user", "content": "سؤال"}]} | changes
    decoder = Scripted(CALL)
    with _running(ChatServer(decoder, "m")) as client, pytest.raises(openai.BadRequestError) as error:
        client.post("/chat/completions", body=arguments, cast_to=object)
    assert error.value.param == field
    assert what in str(error.value)
    assert error.value.type == "invalid_request_error"
    assert decoder.prompts == []


def test_errors_of_the_model_reach_the_client() -> None:
    """A prompt that is too long is a client error; out of memory is a server error."""
    messages: Any = [{"role": "user", "content": "سؤال"}]
    cases: list[tuple[Exception, type[Exception]]] = [
        (InputError("the prompt is too long"), openai.BadRequestError),
        (TrainingError("out of memory"), openai.InternalServerError),
    ]
    for error, kind in cases:
        with _running(ChatServer(Scripted(error), "m")) as client, pytest.raises(kind, match=str(error)):
            client.chat.completions.create(model="m", messages=messages)


def test_malformed_requests_are_refused() -> None:
    """Other paths and methods, other content, no length, too many bytes, and invalid JSON; the server keeps running."""
    chat = "/v1/chat/completions"
    server = ChatServer(Scripted(CALL), "m")
    with _running(server) as client:
        assert _raw(server, "GET", "/etc/passwd")[0] == 404
        assert _raw(server, "POST", "/v1/completions", "{}")[0] == 404
        assert _raw(server, "GET", chat)[0] == 405
        assert _raw(server, "POST", chat, "{}", **{"Content-Type": "text/plain"})[0] == 415
        assert _raw(server, "POST", chat, "{}", **{"Content-Length": "-1"})[0] == 411
        status, error = _raw(server, "POST", chat, b" " * (5 << 20))
        assert (status, error["message"]) == (413, "a request may have at most 4,194,304 bytes")
        half = '{"messages": [{"role": "user", "content": "\\ud800"}]}'
        for body in ("{", "[" * 100_000, b"\xff", "[]", "3", "", half):
            assert _raw(server, "POST", chat, body)[0] == 400, body
        with socket.create_connection(("127.0.0.1", server.server_port)) as silent:
            silent.sendall(b"POST")  # and goes away
        assert client.models.list().data


def test_an_address_in_use_is_a_usage_error() -> None:
    """The message has the address and a hint."""
    with ChatServer(Scripted(CALL), "m") as server:
        address = ("127.0.0.1", server.server_port)
        with pytest.raises(
            UsageError, match=rf"127.0.0.1:{server.server_port}: cannot listen on this address: .*--port 0"
        ):
            ChatServer(Scripted(CALL), "m", address=address)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal(how: signal.Signals, tmp_path: Path) -> None:
    """It prints its address, answers, and exits cleanly on either signal."""
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS), encoding="utf-8")
    code = "from publishing.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", "tiny", "--tools", str(tools), "--port", "0", "--max-tokens", "4"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stderr is not None
        try:
            line = run.stderr.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+/v1", line)
            assert url, line
            with openai.OpenAI(base_url=url[0], api_key="none", max_retries=0, timeout=120) as client:
                assert client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "مرحبا"}])
            run.send_signal(how)
            assert run.wait(60) == 0
            assert run.stderr.read() == "afg serve: stopped\n"
        finally:
            run.kill()
