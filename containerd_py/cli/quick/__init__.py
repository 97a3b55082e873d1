"""`pyctr run`, `exec`, `start`, `kill`, `rm` in their usual form, without typer, pydantic, aiohttp, asyncio (ADR 26).

They take ten times as long to import as a container takes to run. What is asked for in another form, or goes another way
than usual, is left to what is made of them: nothing is told or decided here that it would tell or decide otherwise.
"""
