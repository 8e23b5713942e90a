"""The files for a job server: each is what its program wants, and they fit together."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

pytest.importorskip("gochan_service", reason="gochan-service is not installed")

HERE = Path(__file__).parent
GOCHAN = str(Path(sys.executable).with_name("gochan"))
UNITS = [path.name for path in sorted(HERE.glob("gochan-*"))]
STOP = 27  # seconds that a server needs at most


def text_of(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def command_in(unit: str) -> list[str]:
    """Return what a unit starts, without the program."""
    (line,) = re.findall(r"^ExecStart=\S+/gochan (.*)$", text_of(unit), flags=re.MULTILINE)
    return shlex.split(line)


@pytest.fixture
def composed() -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(text_of("compose.yaml"))["services"]


@pytest.fixture
def cluster() -> list[Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return [*yaml.safe_load_all(text_of("kubernetes.yaml"))]


def pod(cluster: list[Any], name: str) -> Any:
    (spec,) = [
        one["spec"]["template"]["spec"]
        for one in cluster
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", name)
    ]
    return spec


def check(words: list[str]) -> dict[str, Any]:
    """Return what a command makes of its words; it says if they are wrong."""
    from gochan_service._commands._agent_command import agent_command
    from gochan_service._commands._serve_command import serve_command

    command = {"serve": serve_command, "agent": agent_command}[words[0]]
    return command.make_context(words[0], words[1:]).params


def test_all_start_the_same(composed: Any, cluster: list[Any]) -> None:
    """Servers believe their proxy, and agents have as many jobs and as much time."""
    servers = [
        check(command_in("gochan-server.service")),
        check(composed["server"]["command"]),
        check(pod(cluster, "gochan-server")["containers"][0]["args"]),
    ]
    assert all(one["behind_proxy"] for one in servers)
    agents = [
        check(command_in("gochan-agent.service")),
        check(composed["agent"]["command"]),
        check(pod(cluster, "gochan-agent")["containers"][0]["args"]),
    ]
    wanted = {"queue": "shrink", "capacity": 4, "drain": 60.0, "grace": 10.0}
    assert [{name: one[name] for name in wanted} for one in agents] == [wanted] * 3
    assert {one["command"] for one in agents} == {("optipng", "{}")}


def test_the_kill_comes_later_than_the_end(composed: Any, cluster: list[Any]) -> None:
    """Or jobs would be lost that could have been given back."""

    def patience(unit: str) -> int:
        (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text_of(unit), flags=re.MULTILINE)
        return int(seconds)

    for name, needed in (("server", STOP), ("agent", 60 + 10)):
        given = [
            patience(f"gochan-{name}.service"),
            int(composed[name]["stop_grace_period"].removesuffix("s")),
            pod(cluster, f"gochan-{name}")["terminationGracePeriodSeconds"],
        ]
        assert min(given) >= needed + 5, name


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_each_unit(tmp_path: Path, unit: str) -> None:
    """Whose programs and users have to be there, so that it takes the ones that are."""
    text = text_of(unit).replace("/opt/gochan/bin/gochan", GOCHAN)
    text = text.replace("/opt/gochan/bin/python", sys.executable)
    (tmp_path / unit).write_text(re.sub(r"^User=.*\n", "", text, flags=re.MULTILINE))
    if unit.endswith(".timer"):
        test_systemd_understands_each_unit(tmp_path, unit.replace(".timer", ".service"))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    assert [line for line in told.stderr.splitlines() if "gochan-" in line] == []


@pytest.mark.slow
def test_the_secret_of_an_agent_comes_where_its_unit_looks(tmp_path: Path) -> None:
    """On a machine where nothing of gochan is yet; for root alone."""
    (place,) = re.findall(
        r"^LoadCredential=secret:(.*)$", text_of("gochan-agent.service"), re.MULTILINE
    )
    page = (HERE.parents[1] / "how-to" / "job-server-with-systemd.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^(install .*)$", page, flags=re.MULTILINE)
    assert place in line
    here = line.replace(place, f"{tmp_path}{place}")
    subprocess.run(["sh", "-c", here], input=b"gochan_agent_x\n", check=True, timeout=20)
    secret = Path(f"{tmp_path}{place}")
    assert secret.read_text() == "gochan_agent_x\n"
    assert secret.stat().st_mode & 0o777 == 0o600


def test_kubernetes_understands_the_manifests(cluster: list[Any]) -> None:
    """Each field is one that it knows."""
    validator = pytest.importorskip(
        "kubernetes_validate", reason="the group deploy is not installed"
    )
    for manifest in cluster:
        validator.validate(manifest, validator.latest_version(), strict=True)


@pytest.mark.slow
def test_the_image_can_be_built() -> None:
    """As far as can be seen without building it."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("the group deploy is not installed")
    # Versions of Debian's packages are those of the base image, and those of ours are in dist.
    ignored = ["--ignore", "DL3008", "--ignore", "DL3013"]
    words = [hadolint, *ignored, str(HERE / "Dockerfile")]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


def test_what_is_mounted_is_there(composed: Any, cluster: list[Any]) -> None:
    """Each volume that is used is declared, and an agent gets the secret alone."""
    yaml = pytest.importorskip("yaml")
    declared = {*yaml.safe_load(text_of("compose.yaml"))["volumes"]}
    used = {v.split(":")[0] for service in composed.values() for v in service["volumes"]}
    assert used == declared
    assert [v.split(":")[0] for v in composed["agent"]["volumes"]] == ["secret"]
    server = pod(cluster, "gochan-server")
    containers = [*server["initContainers"], *server["containers"]]
    mounted = {mount["name"] for one in containers for mount in one["volumeMounts"]}
    assert mounted == {volume["name"] for volume in server["volumes"]}


# With the real programs


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@contextmanager
def started(folder: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the folder, and end it."""
    with subprocess.Popen(
        words, cwd=folder, env={**os.environ, **variables}, stdin=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def ask(folder: Path, url: str, *words: str, **variables: str) -> str:
    """Run a command for people, with the token of the operator."""
    token = (folder / "jobs.db.token").read_text().strip()
    done = subprocess.run(
        [GOCHAN, words[0], url, *words[1:]],
        cwd=folder,
        env={**os.environ, "GOCHAN_TOKEN": token, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def a_server(folder: Path, *options: str) -> Iterator[str]:
    port = free_port()
    with started(folder, GOCHAN, "serve", "--listen", f"127.0.0.1:{port}", *options):
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/readyz"))
        yield url


@pytest.mark.slow
def test_a_backup_has_everything(tmp_path: Path) -> None:
    """It is made while the server runs, and another server goes on with it."""
    home, backups = tmp_path / "home", tmp_path / "backups"
    home.mkdir()
    with a_server(home) as url:
        ask(home, url, "submit", "mails", '"hello"')
        agent = {"GOCHAN_SECRET_FILE": "jobs.db.secret"}
        with started(home, GOCHAN, "agent", url, "--queue", "mails", "--", "echo", **agent):
            until(lambda: '"done"' in ask(home, url, "show", "1", "--json"))
        subprocess.run([GOCHAN, "people", "add", "ada"], cwd=home, check=True, timeout=60)
        words = [sys.executable, str(HERE / "back_up.py"), str(home), str(backups)]
        made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
        ask(home, url, "submit", "mails", '"after the backup"')
    copy = Path(made.stdout.strip())
    assert copy.stat().st_mode & 0o077 == 0
    with a_server(copy) as url:
        assert '"done"' in ask(copy, url, "show", "1", "--json")
        assert ask(copy, url, "log", "1") == "hello\n"
        assert "after the backup" not in ask(copy, url, "jobs")
    people = subprocess.run(
        [GOCHAN, "people", "list"], cwd=copy, capture_output=True, text=True, check=True
    )
    assert "ada" in people.stdout


@pytest.mark.slow
def test_a_dump_of_postgres_has_everything(new_database: Callable[[], str], tmp_path: Path) -> None:
    """It is read into an empty database, and a server goes on with it."""
    if shutil.which("pg_dump") is None:
        pytest.skip("there is no pg_dump")
    old, new = new_database(), new_database()
    dump = tmp_path / "backup.dump"

    def run(*words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        if "server version mismatch" in done.stderr:
            pytest.skip("pg_dump is older than the server")
        assert done.returncode == 0, done.stderr

    run(GOCHAN, "submit", old, "mails", '"hello"')
    run("pg_dump", "--format=custom", f"--file={dump}", old)
    run("pg_restore", "--no-owner", f"--dbname={new}", str(dump))
    with a_server(tmp_path, "--store", new) as url:
        token = (tmp_path / "gochan.token").read_text().strip()
        (tmp_path / "jobs.db.token").write_text(token)
        assert "hello" in ask(tmp_path, url, "jobs")


PROXIES = ["nginx", "caddy"]


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def a_proxy(name: str, folder: Path, port: int, server: str) -> Iterator[None]:
    """Run a proxy with the file of the manual, whose names and paths are those of this machine."""
    to = server.removeprefix("http://")
    if name == "nginx":
        text = text_of("nginx.conf").replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        text = re.sub(r"/etc/letsencrypt\S*/(\w+)\.pem", rf"{folder}/\1.pem", text)
        text = text.replace("jobs.example.org", "localhost").replace("127.0.0.1:8000", to)
        paths = "".join(
            f"{one}_temp_path {folder}/{one};\n"
            for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        head = f"pid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}"
        (folder / "nginx.conf").write_text(f"{head}{text}}}\n")
        words = ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
        words += ["-g", "daemon off;"]
    else:
        text = text_of("Caddyfile").replace("127.0.0.1:8000", to)
        tls = f"tls {folder}/fullchain.pem {folder}/privkey.pem"
        text = text.replace(
            "jobs.example.org {", f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\t{tls}"
        )
        options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
        (folder / "Caddyfile").write_text(options + text)
        words = ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    home = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with started(folder, *words, **home):
        until(lambda: listens(port))
        yield


@pytest.mark.slow
@pytest.mark.parametrize("name", PROXIES)
def test_a_server_behind_a_proxy(name: str, tmp_path: Path) -> None:
    """Jobs run, logs are followed while they grow, cookies are safe, and it is known who asks."""
    trustme = pytest.importorskip("trustme")
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "fullchain.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "privkey.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    port = free_port()
    url, trust = f"https://localhost:{port}", {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    with ExitStack() as stack:
        server = stack.enter_context(a_server(tmp_path, "--behind-proxy"))
        stack.enter_context(a_proxy(name, tmp_path, port, server))
        ask(tmp_path, url, "submit", "q", '"hello"', **trust)
        script = 'echo "$1"; while [ ! -e go ]; do sleep 0.1; done; echo the end'
        words = ("agent", url, "--queue", "q", "--", "sh", "-c", script, "sh")
        agent = {"GOCHAN_SECRET_FILE": "jobs.db.secret", **trust}
        stack.enter_context(started(tmp_path, GOCHAN, *words, **agent))
        until(lambda: "hello" in ask(tmp_path, url, "log", "1", **trust))
        token = (tmp_path / "jobs.db.token").read_text().strip()
        with subprocess.Popen(
            [GOCHAN, "log", url, "-f", "1"],
            env={**os.environ, **trust, "GOCHAN_TOKEN": token},
            stdout=subprocess.PIPE,
        ) as following:
            assert following.stdout is not None
            assert following.stdout.readline() == b"hello\n"  # while the job still runs
            (tmp_path / "go").touch()
            assert following.stdout.read() == b"the end\n"
        import ssl

        import httpx

        tls = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        client = stack.enter_context(httpx.Client(base_url=url, verify=tls, trust_env=False))
        made_up = {"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "http"}
        login = client.post("/login", data={"token": token}, headers=made_up)
        assert "Secure" in login.headers["set-cookie"]
        people = client.get("/people").text
        assert "127.0.0.1" in people
        assert "6.6.6.6" not in people
