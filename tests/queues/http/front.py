"""An engine behind HTTP in this process, and what asks it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from seqdocs.queues.http.app import make_app


@contextmanager
def front(engine, kv_bytes_per_position=None) -> Iterator[str]:
    """The address of a server that ends with the block; the engine stays open."""
    import uvicorn

    door = socket.create_server(("127.0.0.1", 0))
    app = make_app(engine, "m", kv_bytes_per_position)
    config = uvicorn.Config(app, ws="none", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        door.close()


def wait_for(done, seconds=30.0) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never became so"
        time.sleep(0.005)
