"""Archives for tests, and what is in one; containers to copy from and to."""

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.integration.api_client import Answer, Api


def member(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=format_) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: info for info in archive}


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


async def started(api: Api, rootfs: Path, **fields: Any) -> str:
    container = await api.create(rootfs, "/bin/sleep", "100", **fields)
    answer = await api.post(f"/v1/containers/{container}/start")
    assert answer.status == 204, answer.body
    return container


async def stop(api: Api, container: str) -> None:
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).status == 200


async def remove(api: Api, container: str) -> None:
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204


async def put(api: Api, container: str, path: str, data: bytes | AsyncIterator[bytes]) -> Answer:
    body = io.BytesIO(data) if isinstance(data, bytes) else data
    return await api.request("PUT", f"/v1/containers/{container}/archive?path={path}", data=body)


async def get(api: Api, container: str, path: str) -> Answer:
    return await api.get(f"/v1/containers/{container}/archive?path={path}")


async def fetch(api: Api, container: str, path: str) -> bytes:
    answer = await get(api, container, path)
    assert answer.status == 200, answer.body
    return answer.body
