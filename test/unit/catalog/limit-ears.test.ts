import { expect, test } from "vitest";
import { TestWorkspace } from "./support.ts";

test("who waits for a deployment's limit hears of it, and is not kept by one that does not answer", async () => {
  const workspace = new TestWorkspace();
  const { flow } = await workspace.do("create_flow", { name: "f" });
  const put = (concurrency_limit: number) =>
    workspace.do("put_deployment", { create: { name: "d", flow_id: flow.id, concurrency_limit } });
  const { deployment } = await put(1);
  await workspace.do("await_limit", { deployment_id: deployment.id });
  workspace.fault = "deaf";
  await put(2);
  let isAnswered = false;
  const wait = async () => {
    await workspace.do("await_limit", { deployment_id: deployment.id });
    isAnswered = true;
  };
  const waiting = wait();
  await workspace.advance(1900);
  expect(isAnswered).toBe(false);
  await workspace.advance(100);
  await waiting;
  workspace.fault = "none";
  const again = workspace.do("await_limit", { deployment_id: deployment.id });
  await workspace.advance(30_000);
  await again;
  expect(workspace.events).toEqual([]);
});
