"""The Python client of a soak: like worker.ts, with the package `mcp`.

python soak.py python|python-modern URL SESSIONS SECONDS THINK SEED OUT
"""

import asyncio
import contextlib
import json
import random
import sys
import time

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost

TIMEOUT_S = 15.0
OPENING_MAX = 8
WATCHED_URI = "test://watched-resource"
# In the order of test/clients/kinds.ts, with its weights.
KINDS = [
    ("echo", 34),
    ("list tools", 6),
    ("progress", 16),
    ("record", 16),
    ("lasting record", 8),
    ("sampling", 7),
    ("elicitation", 7),
    ("subscription", 6),
]
ASKING = {
    "legacy": ("test_sampling", "test_elicitation"),
    "auto": ("test_input_required_result_sampling", "test_input_required_result_elicitation"),
}

client_name, url, sessions, seconds, think, seed, out = sys.argv[1:8]
mode = "auto" if client_name == "python-modern" else "legacy"
calls: list = []
recorded: list = []
errors: list = []
lateness: list = []


def expect(result, wanted):
    text = getattr(result.content[0], "text", "") if result.content else ""
    if result.is_error or wanted not in text:
        raise RuntimeError(f"wrong answer: wanted {wanted!r}, got {text!r}")


class Session:
    def __init__(self, number):
        self.number = number
        self.voice = f"session {number}"
        self.id = None
        self.first_id = None
        self.subscribed = False
        self.over = False
        self.updated = asyncio.Event()
        self.tasks = contextlib.AsyncExitStack()

    async def open(self):
        async def remember(response):
            self.id = response.headers.get("mcp-session-id", self.id)

        async def sample(_context, _params):
            content = types.TextContent(type="text", text=self.voice)
            return types.CreateMessageResult(role="assistant", content=content, model="none")

        async def elicit(_context, _params):
            content = {"username": self.voice, "email": "someone@example.org", "name": self.voice}
            return types.ElicitResult(action="accept", content=content)

        async def hear(message):
            if isinstance(message, types.ResourceUpdatedNotification):
                self.updated.set()

        http = await self.tasks.enter_async_context(
            httpx2.AsyncClient(
                timeout=httpx2.Timeout(30.0, read=300.0), event_hooks={"response": [remember]}
            )
        )
        self.client = await self.tasks.enter_async_context(
            Client(
                streamable_http_client(url, http_client=http),
                mode=mode,
                read_timeout_seconds=TIMEOUT_S,
                sampling_callback=sample,
                elicitation_callback=elicit,
                message_handler=hear,
                cache=None,
            )
        )
        modern = self.client.protocol_version >= "2026"
        if modern != (mode == "auto"):
            raise RuntimeError(f"negotiated {self.client.protocol_version}")
        self.first_id = self.id

    async def call(self, kind, mark):
        client = self.client
        sampling, elicitation = ASKING[mode]
        if kind == "echo":
            expect(await client.call_tool("echo", {"message": mark}), mark)
        elif kind == "list tools":
            await client.list_tools()
        elif kind in ("progress", "lasting record"):

            async def progress(_progress, _total, _message):
                pass

            name = "lasting_read" if kind == "progress" else "lasting_record"
            arguments = {"what": mark, "steps": 3, "stepMs": 40}
            expect(await client.call_tool(name, arguments, progress_callback=progress), mark)
        elif kind == "record":
            expect(await client.call_tool("record", {"what": mark}), mark)
        elif kind == "sampling":
            expect(await client.call_tool(sampling, {"prompt": mark}), self.voice)
        elif kind == "elicitation":
            expect(await client.call_tool(elicitation, {"message": mark}), self.voice)
        elif kind == "subscription":
            if not self.subscribed:
                if mode == "legacy":
                    await client.subscribe_resource(WATCHED_URI)
                else:
                    self.listening = asyncio.create_task(self.listen())
                self.subscribed = True
            self.updated.clear()
            await client.call_tool("touch_resource", {})
            await asyncio.wait_for(self.updated.wait(), TIMEOUT_S)

    async def listen(self):
        while True:
            # The client itself does not listen again; whoever does so must look at everything anew.
            with contextlib.suppress(SubscriptionLost):
                async with self.client.listen(resource_subscriptions=[WATCHED_URI]) as subscription:
                    self.updated.set()
                    async for _event in subscription:
                        self.updated.set()


async def live(number, opened, done):
    """One session from its opening to its last call, all in one task, as the client's cancel scopes want it."""
    session = Session(number)
    try:
        async with session.tasks:
            try:
                async with opening:
                    await session.open()
            finally:
                opened.set_result(session)
            await start.wait()
            await work(session)
            done.append(await is_alive(session))
    except BaseException as error:
        errors.append(f"session {number}: {describe(error)}")


async def work(session):
    chance = random.Random(int(seed) * 100_003 + session.number)
    turn = 0
    while True:
        await asyncio.sleep(chance.expovariate(1000 / float(think)))
        if time.time() > deadline:
            return
        kind = chance.choices([name for name, _ in KINDS], [weight for _, weight in KINDS])[0]
        again = "again " if kind == "progress" else ""
        mark = f"{again}{session.number}.{turn}"
        turn += 1
        started, began, error = time.time() * 1000, time.monotonic(), None
        try:
            await session.call(kind, mark)
            if kind in ("record", "lasting record"):
                recorded.append(mark)
        except Exception as thrown:
            error = describe(thrown)
            # This client ends itself when a connection breaks under a request.
            session.over = "Connection closed" in error
        took = round((time.monotonic() - began) * 1000)
        number = [name for name, _ in KINDS].index(kind)
        calls.append([number, session.number, round(started), took, error, mark])
        if session.over:
            return


async def is_alive(session):
    try:
        await session.call("echo", f"last of {session.number}")
        return session
    except Exception as error:
        errors.append(f"session {session.number} is lost: {describe(error)}")
        return None


def describe(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    code = getattr(getattr(error, "error", None), "code", "")
    return f"{type(error).__name__} {code} {error}".strip()


async def watch_loop():
    """How late this program's own timers are."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.01)
        lateness.append((time.monotonic() - began - 0.01) * 1000)


async def main():
    global opening, start, deadline
    opening, start = asyncio.Semaphore(OPENING_MAX), asyncio.Event()
    loop = asyncio.get_running_loop()
    done: list = []
    opened = [loop.create_future() for _ in range(int(sessions))]
    tasks = [asyncio.create_task(live(number, opened[number], done)) for number in range(len(opened))]
    everyone = await asyncio.gather(*opened)
    print("opened", flush=True)
    deadline = time.time() + float(seconds)
    start.set()
    watching = asyncio.create_task(watch_loop())
    patience = float(seconds) + 3 * TIMEOUT_S
    await asyncio.wait(tasks, timeout=patience)
    watching.cancel()
    late = sorted(lateness)
    alive = [session for session in done if session is not None]
    with open(out, "w") as file:
        json.dump(
            {
                "opened": sum(1 for session in everyone if hasattr(session, "client")),
                "alive": [session.number for session in alive if session.id == session.first_id],
                "ids": [session.first_id for session in everyone],
                "calls": calls,
                "recorded": recorded,
                "loopDelay": {
                    "p99Ms": round(late[len(late) * 99 // 100]),
                    "maxMs": round(late[-1]),
                },
                "errors": errors,
            },
            file,
        )
    # Open streams would hold the program; what they would still say does not matter.
    import os

    os._exit(0)


asyncio.run(main())
