"""The block on sockets really blocks, and lets through what stays on this machine."""

import subprocess
import sys
from pathlib import Path

import kernel_env
import pytest

TOOLS = Path(kernel_env.__file__).parent


def _run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, with the block."""
    begin = (
        f"import sys; sys.path.insert(0, {str(TOOLS)!r}); import offline; offline.block(); offline.block()\n"
    )
    return subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "call",
    [
        "socket.create_connection(('example.org', 80))",
        "socket.create_connection(('192.0.2.1', 80))",
        "socket.socket().connect(('192.0.2.1', 80))",
        "socket.socket().connect_ex(('192.0.2.1', 80))",
        "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.getaddrinfo('example.org', 443)",
        "socket.getaddrinfo(b'example.org', 443)",
        "socket.getaddrinfo(host='example.org', port=443)",
        "socket.gethostbyname('example.org')",
        "__import__('urllib.request').request.urlopen('https://example.org')",
        "__import__('asyncio').run(__import__('asyncio').open_connection('example.org', 80))",
        "__import__('http.client').client.HTTPSConnection('192.0.2.1').request('GET', '/')",
    ],
)
def test_other_machines_are_out_of_reach(call: str) -> None:
    done = _run(f"import socket\ntry:\n    {call}\nexcept OSError as error:\n    print('said', error)\n")
    assert done.returncode == 0, done.stderr
    assert "said" in done.stdout and "runs offline here" in done.stdout and "COURSE_DOWNLOAD" in done.stdout


def test_this_machine_stays_in_reach() -> None:
    done = _run(
        "import asyncio, socket, threading\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "port = server.getsockname()[1]\n"
        "for host in ('127.0.0.1', 'localhost', b'localhost'):\n"
        "    socket.getaddrinfo(host, port)\n"
        "socket.getaddrinfo(None, port)\n"
        "client = socket.create_connection(('localhost', port))\n"
        "server.accept()[0].sendall(b'hello')\n"
        "print(client.recv(5))\n"
        "a, b = socket.socketpair()\n"
        "a.sendall(b'pair'); print(b.recv(4))\n"
        "asyncio.run(asyncio.sleep(0))\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["b'hello'", "b'pair'"]


def test_the_environment_is_fixed_and_forgets_this_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "COURSE_DOWNLOAD",
        "COURSE_HOME",
        "OMP_NUM_THREADS",
        "COURSE_GPU",
        "IPYTHONDIR",
        "TORCH_HOME",
    ):
        monkeypatch.setenv(name, "mine")
    env = kernel_env.fixed_environment(tmp_path)
    assert "COURSE_DOWNLOAD" not in env and "mine" not in env.values()
    wanted = {
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "COURSE_STATIC": "1",
        "COURSE_GPU": "off", "COURSE_BUDGET": "quick",
    }  # fmt: skip
    assert wanted.items() <= env.items()
    assert all(Path(env[name]).is_dir() for name in ("COURSE_HOME", "IPYTHONDIR", "TORCH_HOME", "HF_HOME"))
    startup = Path(env["IPYTHONDIR"]) / "profile_default" / "startup" / "00-offline.py"
    assert startup.exists()
    online = kernel_env.fixed_environment(tmp_path / "online", offline=False)
    assert not list((Path(online["IPYTHONDIR"]) / "profile_default" / "startup").iterdir())


def test_the_startup_file_leaves_no_name_behind(tmp_path: Path) -> None:
    env = kernel_env.fixed_environment(tmp_path)
    startup = Path(env["IPYTHONDIR"]) / "profile_default" / "startup" / "00-offline.py"
    code = f"space = {{}}\nexec(open({str(startup)!r}).read(), space)\nprint(sorted(space))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['__builtins__']"
