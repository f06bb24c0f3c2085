"""Holders of one limit, each in a task of its own, with Prefect's unchanged `concurrency()`.

Argument: {"limit", "count", "seconds", "stagger_seconds", "lease_seconds", "timeout_seconds"} as JSON. Holder 0 keeps
its slot until the last of the others has come. One line of JSON for each thing that happens goes to the file TRACE.
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


async def hold(index: int, plan: dict, all_came: asyncio.Event) -> None:
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
                await all_came.wait()
            await asyncio.sleep(plan["seconds"])
            note(event="frees", index=index)
    except BaseException as error:
        note(event="fails", index=index, error=repr(error)[:200])


async def main(plan: dict) -> None:
    all_came = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for index in range(plan["count"]):
            group.create_task(hold(index, plan, all_came))
            await asyncio.sleep(plan["stagger_seconds"])
        all_came.set()


asyncio.run(main(json.loads(sys.argv[1])))
