"""Holders of one limit, each in a task of its own, with Prefect's unchanged `concurrency()`.

Argument: {"limit", "count", "seconds", "stagger_seconds", "lease_seconds", "timeout_seconds", "processes", "first"} as
JSON. Of `count` holders this process has every one from `first` on in steps of `processes`. They come at the time that
the file TRACE.go says. Holder 0 keeps its slot until the last of the others has come. One line of JSON for each thing
that happens goes to the file TRACE.
"""

import asyncio
import json
import os
import sys
import time

from prefect.concurrency.asyncio import concurrency


def note(**facts) -> None:
    with open(os.environ["TRACE"], "a") as file:
        file.write(json.dumps({"at": time.time(), **facts}) + "\n")


async def hold(index: int, plan: dict, all_came: asyncio.Task) -> None:
    note(event="wants", index=index)
    try:
        async with concurrency(
            plan["limit"],
            occupy=1,
            lease_duration=plan["lease_seconds"],
            timeout_seconds=plan["timeout_seconds"],
            strict=True,
        ):
            note(event="holds", index=index)
            if index == 0:
                await all_came
            await asyncio.sleep(plan["seconds"])
            note(event="frees", index=index)
    except BaseException as error:
        note(event="fails", index=index, error=repr(error)[:200])


async def main(plan: dict) -> None:
    note(event="ready", index=plan["first"])
    go = os.environ["TRACE"] + ".go"
    while not os.path.exists(go):
        await asyncio.sleep(0.02)
    with open(go) as file:
        start = float(file.read())
    all_came = asyncio.create_task(until(start + plan["count"] * plan["stagger_seconds"]))
    async with asyncio.TaskGroup() as group:
        for index in range(plan["first"], plan["count"], plan["processes"]):
            await until(start + index * plan["stagger_seconds"])
            group.create_task(hold(index, plan, all_came))


async def until(at: float) -> None:
    await asyncio.sleep(max(0, at - time.time()))


asyncio.run(main(json.loads(sys.argv[1])))
