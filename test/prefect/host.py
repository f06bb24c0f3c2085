"""Runs `prefect` commands and Python files in children forked from one interpreter.

Importing Prefect costs seconds of CPU, so the imports are paid once and every child starts with them. Each child is a
process of its own, in a session of its own, with its own standard output; what it runs is Prefect's unchanged code.

One JSON object per line. In: {id, args, cwd, env} for a command, {id, file, args, cwd, env} for a file. Out: {id, pid}
at the start, {id, exit_code, stdout, stderr} at the end. The end of the input ends the host.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import sys
import tempfile
import threading

import prefect
import prefect.cli
import prefect.concurrency.asyncio
import prefect.concurrency.sync
import prefect.flow_engine
import prefect.input
import prefect.runner
import prefect.task_worker
import prefect.workers.process


def load_commands() -> None:
    for module in pkgutil.iter_modules(prefect.cli.__path__, "prefect.cli."):
        try:
            importlib.import_module(module.name)
        except ImportError:
            pass  # some commands want packages that nobody asked for


def run(request: dict) -> None:
    """In the child: what the interpreter does for a program."""
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    if "file" in request:
        sys.argv = [request["file"], *request["args"]]
        sys.path.insert(0, os.path.dirname(request["file"]))
        runpy.run_path(request["file"], run_name="__main__")
    else:
        sys.argv = ["prefect", *request["args"]]
        sys.exit(prefect.cli.app())


def end(code: int) -> None:
    """In the child: the end of an interpreter, without taking apart what all children share."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_to_end(request: dict) -> None:
    try:
        run(request)
    except SystemExit as exit:
        if isinstance(exit.code, str):
            print(exit.code, file=sys.stderr)
        end(exit.code if isinstance(exit.code, int) else int(exit.code is not None))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        end(1)
    end(0)


def start(request: dict):
    """Forks a child and says where its end will be noticed: a pipe that its end closes, whoever else still has its output."""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    ended, alive = os.pipe()
    pid = os.fork()
    if pid > 0:
        os.close(alive)
        say({"id": request["id"], "pid": pid})
        return ended, (request["id"], pid, out, err)
    os.setsid()
    os.close(ended)
    null = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((null, 0), (out.fileno(), 1), (err.fileno(), 2)):
        os.dup2(old, new)
    return None, request


def say(message: dict) -> None:
    print(json.dumps(message), flush=True)


def text(file) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def serve() -> dict:
    """In the host: answers until the input ends. In a child: returns what to run."""
    running = {}
    pending = b""
    while True:
        for ready in select.select([0, *running], [], [])[0]:
            if ready == 0:
                chunk = os.read(0, 65536)
                if not chunk:
                    sys.exit(0)
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    ended, child = start(json.loads(line))
                    if ended is None:
                        return child
                    running[ended] = child
            else:
                os.close(ready)
                id, pid, out, err = running.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                say({"id": id, "exit_code": code, "stdout": text(out), "stderr": text(err)})


load_commands()
say({"version": prefect.__version__})
gc.collect()
gc.freeze()  # what children share is not looked at again, so it stays shared
run_to_end(serve())
