"""Slots as Prefect's clients take them: one after the other, several at once, in time, at a rate, by tag."""

import asyncio
import json
import time

from prefect import flow, tags, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.asyncio import concurrency as aconcurrency
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.futures import wait

HELD_SECONDS = 0.2


async def create_limits() -> None:
    async with get_client() as client:
        for name, limit, decay in (("one", 1, 0), ("two", 2, 0), ("rate", 2, 4.0)):
            await client.create_global_concurrency_limit(
                GlobalConcurrencyLimitCreate(name=name, limit=limit, slot_decay_per_second=decay)
            )
        await client.create_concurrency_limit(tag="gpu", concurrency_limit=1)


async def hold(names: list[str]) -> tuple[float, float]:
    async with aconcurrency(names, occupy=1):
        began = time.time()
        await asyncio.sleep(HELD_SECONDS)
        return began, time.time()


@task
def infer(number: int) -> tuple[float, float]:
    began = time.time()
    time.sleep(HELD_SECONDS)
    return began, time.time()


@flow
def tagged() -> list[tuple[float, float]]:
    with tags("gpu"):
        futures = infer.map(range(3))
    wait(futures)
    return [future.result() for future in futures]


def refused(act) -> str:
    try:
        act()
    except Exception as error:  # the name of whatever it is, is the answer
        return type(error).__name__
    return "nothing"


def enter(*names: str, **options) -> None:
    with concurrency(list(names), **options):
        pass


def time_out() -> None:
    with concurrency("one", occupy=1):
        enter("one", timeout_seconds=0.5)


def take_at_rate() -> float:
    began = time.time()
    for _ in range(4):
        rate_limit("rate")
    return time.time() - began


async def main() -> None:
    await create_limits()
    answer = {
        "one": await asyncio.gather(*(hold(["one"]) for _ in range(4))),
        "both": await asyncio.gather(*(hold(["one", "two"]) for _ in range(3))),
        "some_missing": await hold(["one", "nowhere"]),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    import sys

    if sys.argv[1] == "async":
        asyncio.run(main())
    else:
        print(
            json.dumps(
                {
                    "missing": refused(lambda: enter("nowhere")),
                    "strict_missing": refused(lambda: enter("nowhere", strict=True)),
                    "too_many": refused(lambda: enter("one", occupy=2)),
                    "timeout": refused(time_out),
                    "no_decay": refused(lambda: rate_limit("one")),
                    "rate_seconds": take_at_rate(),
                    "tagged": tagged(),
                }
            )
        )
