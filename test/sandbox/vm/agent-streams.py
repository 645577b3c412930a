"""The agent's side of streams without its machine: arguments are the folders of its modules; descriptor 3 is the line."""

import socket
import sys

sys.path[:0] = sys.argv[1:]

import agent  # noqa: E402
import network  # noqa: E402
from wire import Wire  # noqa: E402

listener = socket.create_server(("127.0.0.1", 0), backlog=128)
listener.setblocking(False)
one = agent.Agent(Wire(3))
one.streams = network.Streams(one, listener)
print(listener.getsockname()[1], flush=True)
one.serve()
