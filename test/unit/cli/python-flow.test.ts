import { describe, expect, test } from "vitest";
import { EntrypointFault, readPythonFlow, splitEntrypoint } from "../../../src/cli/deploy/python-flow.ts";

describe("a flow is read out of its Python file without running it", () => {
  test("name, description, parameters", () => {
    const source = `
import os
from prefect import flow, task
from prefect.concurrency.sync import concurrency

raise SystemExit("not run")  # def process_image(): ...

TEXT = """
@flow(name="not this one")
def process_image(): pass
"""

@task
def infer(image): ...

@flow(
    name="process" "-image",  # the name
    log_prints=True, retries=2,
)
@other.decorator(x=(1, 2))
async def process_image(
    image_id: int, *,
    size: tuple[int, int] = (1, 2), scale: float = 1.5, name: str = 'a\\tb', dry_run: bool = False,
    tags: list[str] | None = None, extra: Optional[dict] = None, when: datetime = datetime.now(),
    depth: int = -3, words: list = ["a", "b"], anything=os.environ["HOME"], **more,
) -> dict[str, int]:
    """Looks at one image.

        Then some more.
    """
    def inner(x): ...
`;
    expect(readPythonFlow(source, "process_image")).toEqual({
      name: "process-image",
      description: "Looks at one image.\n\nThen some more.",
      parameter_openapi_schema: {
        title: "Parameters",
        type: "object",
        required: ["image_id"],
        definitions: {},
        additionalProperties: true,
        properties: {
          image_id: { title: "image_id", position: 0, type: "integer" },
          size: { title: "size", position: 1, type: "array" },
          scale: { title: "scale", position: 2, type: "number", default: 1.5 },
          name: { title: "name", position: 3, type: "string", default: "a\tb" },
          dry_run: { title: "dry_run", position: 4, type: "boolean", default: false },
          tags: { title: "tags", position: 5, anyOf: [{ type: "array" }, { type: "null" }], default: null },
          extra: {
            title: "extra",
            position: 6,
            anyOf: [{ type: "object" }, { type: "null" }],
            default: null,
          },
          when: { title: "when", position: 7 },
          depth: { title: "depth", position: 8, type: "integer", default: -3 },
          words: { title: "words", position: 9, type: "array", default: ["a", "b"] },
          anything: { title: "anything", position: 10 },
        },
      },
    });
  });

  test.each<[string, string, string, string]>([
    ["a bare decorator", "@flow\ndef my_flow(): pass\n", "my_flow", "my-flow"],
    ["a decorator of the module", "@prefect.flow()\ndef my_flow():\n  pass", "my_flow", "my-flow"],
    ["a raw string", "@flow(name=r'a\\b')\ndef f(): ...", "f", "a\\b"],
    ["None", "@flow(name=None)\ndef a_b(): ...", "a_b", "a-b"],
    ["a method", "class Jobs:\n  @flow\n  def run_it(self, n: int): ...\n", "Jobs.run_it", "run-it"],
    ["the last definition", "@flow(name='old')\ndef f(): ...\n@flow(name='new')\ndef f(): ...\n", "f", "new"],
    ["lines that end in CR LF", '@flow(name="x")\r\ndef f(\r\n  a,\r\n):\r\n  pass\r\n', "f", "x"],
    ["a comment between", "@flow\n# about it\ndef f(): ...\n", "f", "f"],
    ["a line that goes on", "@flow(name = \\\n 'x')\ndef f(): ...\n", "f", "x"],
  ])("the name by %s", (_name, source, target, name) => {
    expect(readPythonFlow(source, target).name).toBe(name);
  });

  test("self is no parameter, and none are none", () => {
    const { parameter_openapi_schema } = readPythonFlow("class A:\n  @flow\n  def f(self): ...\n", "A.f");
    expect(parameter_openapi_schema).toEqual({
      title: "Parameters",
      type: "object",
      properties: {},
      definitions: {},
    });
  });

  test("a name that is given makes a computed one irrelevant", () => {
    expect(readPythonFlow("@flow(name=NAME)\ndef f(): ...", "f", "given").name).toBe("given");
  });

  test.each<[string, string, string, string]>([
    ["no function", "@flow\ndef other(): ...\n", "f", "names f, but the file's flows are other"],
    ["no flow at all", "x = 1\n", "f", "names f, but the file has no flow"],
    ["no decorator", "def f(): ...\n", "f", "names f, which is a function but no flow; put @flow above it"],
    [
      "a decorator of another function",
      "@flow\ndef other(): ...\n\ndef f(): ...\n",
      "f",
      "names f, which is a function but no flow; put @flow above it",
    ],
    ["a task", "@task\ndef f(): ...\n", "f", "names f, which is a function but no flow; put @flow above it"],
    [
      "a computed name",
      "@flow(name=f'{x}')\ndef f(): ...\n",
      "f",
      "names f, whose flow name is computed; write it as flow_name in the deployment",
    ],
    [
      "a name from elsewhere",
      "@flow(name=NAME)\ndef f(): ...\n",
      "f",
      "names f, whose flow name is computed; write it as flow_name in the deployment",
    ],
  ])("%s is told", (_name, source, target, fault) => {
    expect(() => readPythonFlow(source, target)).toThrow(new EntrypointFault(fault));
  });

  test("hostile sources end at once", () => {
    for (const source of [
      '"""'.repeat(20_000),
      "(".repeat(50_000),
      "@flow(" + "[".repeat(20_000),
      "\\".repeat(50_000),
    ])
      expect(() => readPythonFlow(source, "f")).toThrow("names f");
  });

  test("entrypoints", () => {
    expect(splitEntrypoint("flows/a.py:f")).toEqual({ file: "flows/a.py", target: "f" });
    expect(splitEntrypoint("C:/flows/a.py:f")).toEqual({ file: "C:/flows/a.py", target: "f" });
    for (const text of ["a.py", ":f", "a.py:"])
      expect(() => splitEntrypoint(text)).toThrow("must have the form path/to/file.py:function");
  });
});
