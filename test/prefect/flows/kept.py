"""What flows keep on the server beside their states: blocks with secrets, artifacts, inputs while they run."""

import asyncio
import json

from prefect import flow, get_client, pause_flow_run, task
from prefect.artifacts import (
    Artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.context import FlowRunContext
from prefect.filesystems import LocalFileSystem
from prefect.input import RunInput, receive_input, send_input
from pydantic import SecretStr


class Inner(Block):
    password: SecretStr
    seconds: float = 5.0


class Outer(Block):
    inner: Inner
    headers: dict[str, SecretStr] = {}


class Answer(RunInput):
    number: int


def raised(action) -> str:
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def keep_blocks() -> dict:
    Secret(value="first").save("text")
    refused = raised(lambda: Secret(value="second").save("text"))
    Secret(value="second").save("text", overwrite=True)
    Secret(value={"user": "u"}).save("record")
    LocalFileSystem(basepath="/tmp/somewhere").save("files")
    inner = Inner(password="inner")
    inner.save("inner")
    Outer(inner=inner, headers={"a": "b"}).save("nested")
    Outer(inner=Inner(password="inline")).save("inline")
    nested = Outer.load("nested")
    return {
        "again": refused,
        "text": Block.load("secret/text").get(),
        "record": Secret.load("record").get(),
        "files": str(LocalFileSystem.load("files").basepath),
        "nested": [nested.inner.password.get_secret_value(), nested.headers["a"].get_secret_value()],
        "inline": Outer.load("inline").inner.password.get_secret_value(),
        "missing": raised(lambda: Secret.load("nothing")),
    }


@task
def draw_table() -> None:
    create_table_artifact(table=[{"a": 1}], key="table")


@flow
def draw(text: str) -> None:
    create_markdown_artifact(text, key="notes", description="what came out")
    create_link_artifact("http://example.com", key="link")
    update_progress_artifact(create_progress_artifact(0.0, key="progress"), 50.0)
    draw_table()


def read_artifacts() -> dict:
    draw("# one")
    draw("# two")
    return {
        "notes": Artifact.get("notes").data,
        "progress": Artifact.get("progress").data,
        "nothing": Artifact.get("nothing"),
    }


@flow
async def receive() -> list[int]:
    flow_run_id = FlowRunContext.get().flow_run.id
    for number in (1, 2):
        await send_input(number, flow_run_id=flow_run_id)
    received = []
    async for number in receive_input(int, timeout=20, poll_interval=0.2):
        received.append(number)
        if len(received) == 2:
            return received


@flow
async def ask() -> int:
    answer = await pause_flow_run(wait_for_input=Answer, timeout=60, poll_interval=0.2)
    return answer.number


async def answer() -> list[str]:
    async with get_client() as client:
        while True:
            paused = [run for run in await client.read_flow_runs() if run.state.is_paused()]
            if paused:
                wrong = await client.resume_flow_run(paused[0].id, run_input={"number": "x"})
                right = await client.resume_flow_run(paused[0].id, run_input={"number": 5})
                return [wrong.status.value, right.status.value]
            await asyncio.sleep(0.2)


async def exchange_inputs() -> dict:
    answered, number = await asyncio.gather(answer(), ask())
    return {"answered": answered, "number": number, "received": await receive()}


if __name__ == "__main__":
    kept = {"blocks": keep_blocks(), "artifacts": read_artifacts()}
    print(json.dumps({**kept, "inputs": asyncio.run(exchange_inputs())}))
