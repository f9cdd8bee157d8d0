"""What the process that DVC started and its server say to each other."""

from __future__ import annotations

import struct
from socket import socket

NUMBER = struct.Struct("!i")


def number(connection: socket) -> int:
    """The next number; EOFError where the other side is gone."""
    return int(NUMBER.unpack(whole(connection, NUMBER.size))[0])


def whole(connection: socket, size: int) -> bytes:
    """The next bytes, so many; EOFError where the other side is gone."""
    found = b""
    while len(found) < size:
        if not (more := connection.recv(size - len(found))):
            raise EOFError
        found += more
    return found
