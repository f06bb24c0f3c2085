"""A flow with everything that reaches the server: retries, subflows, tasks, logs, results, variables, states."""

import asyncio
import json
import uuid

from prefect import flow, get_run_logger, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.runtime import flow_run
from prefect.variables import Variable

attempts = {"flow": 0, "task": 0}


@task(retries=2, retry_delay_seconds=0, tags=["unlimited"])
def unsteady() -> str:
    attempts["task"] += 1
    if attempts["task"] < 2:
        raise ValueError("the first attempt of the task fails")
    return "steady"


@task(persist_result=True, result_storage_key="answer-{parameters[number]}")
def persisted(number: int) -> int:
    return number * 2


@flow
def child(number: int) -> tuple[str, int]:
    return str(flow_run.id), persisted(number)


@flow(retries=1, retry_delay_seconds=1, flow_run_name="parent-{number}", log_prints=True)
def parent(number: int) -> dict:
    attempts["flow"] += 1
    logger = get_run_logger()
    logger.warning("attempt %s begins", attempts["flow"])
    print("printed")
    Variable.set("colour", "blue", overwrite=True)
    if attempts["flow"] < 2:
        raise ValueError("the first attempt of the flow fails")
    child_id, answer = child(number)
    return {"id": str(flow_run.id), "child": child_id, "answer": answer, "task": unsteady(), "variable": Variable.get("colour")}


@flow
def failing() -> None:
    raise ValueError("on purpose")


async def look(result: dict) -> dict:
    async with get_client() as client:
        run = await client.read_flow_run(uuid.UUID(result["id"]))
        states = await client.read_flow_run_states(run.id)
        sub = await client.read_flow_run(uuid.UUID(result["child"]))
        found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id, sub.id])))
        return {
            "name": run.name,
            "run_count": run.run_count,
            "states": [state.name for state in states],
            # The server's answer is in whole seconds, the nearest.
            "waited_to_retry": (states[3].timestamp - states[2].timestamp).total_seconds() >= 0.5,
            "child_state": sub.state.name,
            "child_has_parent": sub.parent_task_run_id is not None,
            "found": len(found),
        }


if __name__ == "__main__":
    result = parent(21)
    state = failing(return_state=True)
    print(json.dumps({**result, "attempts": attempts, "failing": state.name, **asyncio.run(look(result))}))
