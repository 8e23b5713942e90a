"""A real directory: a slapd of the tests' own, with TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

BASE = "dc=example,dc=com"
ADMIN = f"cn=admin,{BASE}"
PASSWORD = "a secret of the tests"
SLAPD = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec")

_CONFIG = """\
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/nis.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
sizelimit {limit}
disallow bind_anon
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw "{password}"
directory {folder}/data
maxsize 104857600
dbnosync
limits dn.exact="{limited}" size.hard=5 size.prtotal=hard size.pr=5
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""

_HEAD = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {ADMIN}
objectClass: person
objectClass: simpleSecurityObject
cn: admin
sn: admin
userPassword: {PASSWORD}

dn: cn=limited,{BASE}
objectClass: person
objectClass: simpleSecurityObject
cn: limited
sn: limited
userPassword: {PASSWORD}

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: ou=split,{BASE}
objectClass: organizationalUnit
ou: split

dn: ou=rest,ou=split,{BASE}
objectClass: referral
objectClass: extensibleObject
ou: rest
ref: ldap://elsewhere.example.com/ou=rest,{BASE}

dn: uid=split,ou=split,{BASE}
objectClass: inetOrgPerson
uid: split
cn: Split
sn: Split
"""


def person(login: str, name: str) -> str:
    """Return somebody as LDIF."""
    return (
        f"\ndn: uid={login},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {login}\n"
        f"cn: {name}\nsn: {login}\nmail: {login}@example.com\n"
    )


def group(name: str, *logins: str) -> str:
    """Return a group as LDIF."""
    members = "".join(f"member: uid={one},ou=people,{BASE}\n" for one in logins)
    return f"\ndn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{members}"


class Directory:
    """A slapd that runs, in a folder of its own, at free ports of this machine."""

    def __init__(self, entries: str, *, limit: int = 10_000) -> None:
        assert SLAPD is not None
        self._folder = Path(tempfile.mkdtemp(prefix="gochan-slapd-", dir="/tmp"))
        (self._folder / "data").mkdir()
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_pem.write_to_path(str(self._folder / "server.key"))
        chain = b"".join(one.bytes() for one in certificate.cert_chain_pems)
        (self._folder / "server.pem").write_bytes(chain)
        self.ca = self._folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        schemas = next(
            path for path in ("/etc/ldap/schema", "/etc/openldap/schema") if Path(path).exists()
        )
        modules = next(
            path for path in ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/libexec/openldap")
            if Path(path).exists()
        )  # fmt: skip
        config = self._folder / "slapd.conf"
        config.write_text(
            _CONFIG.format(
                schemas=schemas, modules=modules, folder=self._folder, base=BASE, limit=limit,
                password=PASSWORD, limited=f"cn=limited,{BASE}",
            )
        )  # fmt: skip
        seed = self._folder / "seed.ldif"
        seed.write_text(_HEAD + entries)
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, 65534, 65534)
        self._run("-T", "add", "-q", "-f", str(config), "-l", str(seed))
        self.tls_port, self.port = _free_port(), _free_port()
        urls = f"ldaps://127.0.0.1:{self.tls_port} ldap://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [*self._as_user, SLAPD, "-d", "0", "-f", str(config), "-h", urls],
            cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._wait()

    def _run(self, *words: str) -> None:
        assert SLAPD is not None
        done = subprocess.run(
            [*self._as_user, SLAPD, *words], cwd="/", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        for _ in range(600):
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                raise AssertionError(self._process.stderr.read())
            try:
                for port in (self.tls_port, self.port):
                    socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("slapd does not listen")

    def url(self, rest: str = f"ou=people,{BASE}", scheme: str = "ldaps") -> str:
        """Return the address of an entry."""
        port = self.tls_port if scheme == "ldaps" else self.port
        return f"{scheme}://127.0.0.1:{port}/{rest}"

    def close(self) -> None:
        """End it, and remove what it has left."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


MANY = 600
PEOPLE = "".join(
    [
        person("ada", "Ada Lovelace"),
        person("bob", "Bob"),
        person("eve", "Eve"),
        *(person(f"p{number}", f"Person {number}") for number in range(MANY)),
        group("ops", "ada"),
        group("devs", "ada", "bob"),
    ]
)


@pytest.fixture(scope="session")
def directory() -> Iterator[Directory]:
    """A directory with many people."""
    if SLAPD is None:
        pytest.skip("there is no slapd: install the package slapd of Debian, or openldap-servers")
    directory = Directory(PEOPLE)
    yield directory
    directory.close()
