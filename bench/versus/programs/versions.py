"""What this interpreter has: Prefect, Python, and the database. One line of JSON.

Argument: the database's address as SQLAlchemy writes it, or nothing for SQLite.
"""

import asyncio
import json
import platform
import sqlite3
import sys
from importlib.metadata import version


async def database() -> dict[str, str]:
    if len(sys.argv) < 2:
        return {"SQLite": sqlite3.sqlite_version}
    import asyncpg

    connection = await asyncpg.connect(sys.argv[1].replace("+asyncpg", ""))
    try:
        # Distributions put more behind the number.
        return {"PostgreSQL": (await connection.fetchval("SHOW server_version")).split()[0]}
    finally:
        await connection.close()


print(json.dumps({"Prefect": version("prefect"), "Python": platform.python_version(), **asyncio.run(database())}))
