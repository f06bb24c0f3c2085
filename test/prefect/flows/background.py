"""A task for others to do: `serve` does it, `delay` asks for it and waits for the answer."""

import json
import sys

from prefect import task
from prefect.task_worker import serve


@task(persist_result=True)
def add(left: int, right: int) -> int:
    return left + right


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(add)
    else:
        print(json.dumps([future.result(timeout=60) for future in [add.delay(number, 1) for number in range(3)]]))
