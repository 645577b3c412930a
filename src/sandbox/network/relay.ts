/**
 * What runs inside a sandbox so that ordinary programs find the proxy: a relay from its loopback to the proxy's socket.
 *
 * Programs take the address of a proxy from HTTP_PROXY and know TCP only; a unix socket crosses the wall of an empty network namespace and
 * TCP does not. The relay is one Python process of one thread, the same for all languages, that passes bytes on
 * and decides nothing: it runs in the sandbox, at the mercy of the code there, which can kill it and then has no network.
 *
 * It listens before its first process exits, and goes on in a second one that holds none of the sandbox's descriptors.
 */

/** Arguments: the port to listen on, and the path of the socket. */
export const relaySource = `
import os, selectors, socket, sys, time

MOST = 65536

class End:
    """One side of a connection. What it is still to be sent waits in pending."""
    __slots__ = ("sock", "other", "pending", "ended", "mask")
    def __init__(self, sock):
        self.sock, self.other, self.pending, self.ended, self.mask = sock, None, b"", False, 0

def serve(listener, path):
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, None)

    def watch(end):
        mask = 0
        if not end.ended and len(end.other.pending) < MOST: mask |= selectors.EVENT_READ
        if end.pending: mask |= selectors.EVENT_WRITE
        if mask == end.mask: return
        if end.mask == 0: selector.register(end.sock, mask, end)
        elif mask == 0: selector.unregister(end.sock)
        else: selector.modify(end.sock, mask, end)
        end.mask = mask

    def close(end):
        for side in (end, end.other):
            if side.mask: selector.unregister(side.sock)
            side.mask = 0
            side.sock.close()

    def accept():
        try: client, _ = listener.accept()
        except OSError: return time.sleep(0.02)  # Out of descriptors: whoever waits, waits.
        upstream = None
        try:
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(path)
        except OSError:
            client.close()
            if upstream is not None: upstream.close()
            return
        left, right = End(client), End(upstream)
        left.other, right.other = right, left
        for end in (left, right):
            end.sock.setblocking(False)
            watch(end)

    def flush(end):
        if end.pending:
            try: end.pending = end.pending[end.sock.send(end.pending):]
            except BlockingIOError: pass
        if not end.pending and end.other.ended:
            try: end.sock.shutdown(socket.SHUT_WR)
            except OSError: pass

    def move(end, mask):
        if mask & selectors.EVENT_WRITE: flush(end)
        if mask & selectors.EVENT_READ:
            try: data = end.sock.recv(MOST)
            except BlockingIOError: return
            if data: end.other.pending += data
            else: end.ended = True
            flush(end.other)
        if end.ended and end.other.ended and not end.pending and not end.other.pending: close(end)
        else:
            watch(end)
            watch(end.other)

    while True:
        for key, mask in selector.select():
            if key.data is None: accept(); continue
            if key.data.sock.fileno() < 0: continue
            try: move(key.data, mask)
            except OSError: close(key.data)

def start(port, path):
    listener = socket.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    child = os.fork()
    if child: return os.waitpid(child, 0)
    try:
        os.setsid()
        if os.fork(): os._exit(0)
        os.chdir("/")
        null = os.open("/dev/null", os.O_RDWR)
        number = listener.detach()
        for standard in (0, 1, 2): os.dup2(null, standard)
        if number != 3: os.dup2(number, 3)
        os.closerange(4, 65536)
        serve(socket.socket(fileno=3), path)
    finally:
        os._exit(1)

if __name__ == "__main__": start(int(sys.argv[1]), sys.argv[2])
`;
