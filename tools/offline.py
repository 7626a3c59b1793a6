"""Cut Python's sockets off from everything but this machine. A kernel under test does so as it starts."""

import ipaddress
import socket


def _local(host: object) -> bool:
    """Whether a host names this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _check(host: object) -> None:
    if not _local(host):
        raise OSError(
            f"The course runs offline here: a connection to {host!r} was blocked. "
            "A cell may reach the network only when COURSE_DOWNLOAD=1."
        )


def block() -> None:
    """Make each attempt to reach another machine, or to look up its name, raise OSError."""
    if getattr(socket, "_course_offline", False):
        return
    socket._course_offline = True

    def guarded(call, where):
        def method(self, *args):
            if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(args[where], tuple):
                _check(args[where][0])
            return call(self, *args)

        return method

    for name, where in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
        setattr(socket.socket, name, guarded(getattr(socket.socket, name), where))

    def looked_up(call):
        def function(host, *args, **kwargs):
            _check(host)
            return call(host, *args, **kwargs)

        return function

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        setattr(socket, name, looked_up(getattr(socket, name)))
