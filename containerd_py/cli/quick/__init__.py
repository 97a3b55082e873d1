"""`pyctr run` and `exec` in their usual form, without what others are made of: typer, pydantic, aiohttp, asyncio (ADR 26).

They take ten times as long to import as a container takes to run. What is asked for in another form, or goes another way
than usual, is left to them: nothing is told or decided here that they would tell or decide otherwise.
"""
