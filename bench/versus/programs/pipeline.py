"""Flows of the comparison: download, infer on the GPU, save; one that holds its deployment's only slot; one that runs at once."""

import json
import os
import time

from prefect import flow, task
from prefect.concurrency.sync import concurrency
from prefect.runtime import flow_run


def note(**facts) -> None:
    line = json.dumps({"at": time.time(), "run": str(flow_run.id), "worker": os.environ.get("WORKER_ID"), **facts})
    with open(os.environ["TRACE"], "a") as file:
        file.write(line + "\n")


@task
def download(image_id: int) -> str:
    time.sleep(1)
    return f"image {image_id}"


@task
def infer(image: str) -> str:
    time.sleep(3)
    return f"labels of {image}"


@task
def save(labels: str) -> None:
    time.sleep(0.5)


@flow
def pipeline(image_id: int = 1) -> None:
    note(event="starts")
    image = download(image_id)
    note(event="wants")
    with concurrency(f"gpu:{os.environ['WORKER_ID']}", occupy=1):
        note(event="holds")
        labels = infer(image)
        note(event="frees")
    save(labels)
    note(event="ends")


@flow
def blocked(seconds: float = 3600) -> None:
    note(event="starts")
    time.sleep(seconds)


@flow
def quick() -> None:
    note(event="starts")
