"""Flows that a worker runs, or that a process of `serve` does."""

import json
import os
import time

from prefect import flow, task
from prefect.concurrency.sync import concurrency
from prefect.flow_runs import pause_flow_run, suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run


def note(**facts) -> None:
    """Adds a line to the file that the test reads."""
    line = json.dumps({"run": str(flow_run.id), "worker": os.environ.get("WORKER_ID"), "at": time.time(), "pid": os.getpid(), **facts})
    with open(os.environ["TRACE"], "a") as file:
        file.write(line + "\n")


@task
def download(image_id: int) -> str:
    time.sleep(0.1)
    return f"image {image_id}"


@task
def infer(image: str, seconds: float) -> str:
    time.sleep(seconds)
    return f"labels of {image}"


@flow(log_prints=True)
def process_image(image_id: int = 1, seconds: float = 0.5) -> None:
    """Any number run at a time on a machine; only the inference takes a slot of this machine's limit."""
    image = download(image_id)
    note(event="wants")
    with concurrency(f"gpu:{os.environ['WORKER_ID']}", occupy=1):
        note(event="holds")
        infer(image, seconds)
        note(event="frees")
    print(f"saved {image}")


@flow
def sleeping(seconds: float = 60) -> None:
    note(event="sleeps")
    time.sleep(seconds)
    note(event="woke")


def hold(seconds: float, limit: str) -> None:
    with concurrency(limit, occupy=1, lease_duration=60):
        note(event="holds")
        time.sleep(seconds)
    note(event="frees")


@flow
def holding(seconds: float = 60, limit: str = "scarce", in_task: int = 0) -> None:
    task(hold)(seconds, limit) if in_task else hold(seconds, limit)


@flow(log_prints=True)
def suspending() -> None:
    note(event="before")
    suspend_flow_run(timeout=300)
    note(event="after")


class Answer(RunInput):
    number: int


@flow(log_prints=True)
def asking() -> None:
    note(event="asks")
    answer = suspend_flow_run(wait_for_input=Answer, timeout=300)
    note(event="answered", number=answer.number)


@flow
def pausing() -> None:
    note(event="before")
    pause_flow_run(timeout=300, poll_interval=1)
    note(event="after")


@flow
def greeting(name: str = "world") -> str:
    note(event="greets", name=name)
    return f"hello {name}"
