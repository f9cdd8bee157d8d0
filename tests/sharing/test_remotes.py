"""Sharing over real servers: OpenSSH's sshd and moto's S3 on loopback. Push, pull, what travels, what was damaged."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import polars as pl
import pytest
import small_project
from small_project import command, dvc, oids

from rlhf_data.cleaning import prompt_shards
from rlhf_data.loop import responses
from rlhf_data.schemas import Generations
from rlhf_data.sharing import verify
from rlhf_data.storage import tables

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
PART = "data/generations/iter1/part-00001.parquet"
PART_PROMPTS = 20
CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


class Server(NamedTuple):
    url: str
    options: str  # lines of .dvc/config


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """OpenSSH's own server, with a port, keys and a configuration of its own."""
    if SSHD is None:
        pytest.skip("no sshd here: `apt-get install openssh-server`")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # it wants an empty folder to give up its rights in
    with subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE) as server:
        _wait_for(port, server)
        url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{folder}/store"
        yield Server(url, f"    keyfile = {folder}/user\n")
        server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    started = time.monotonic()
    while server.poll() is None and time.monotonic() < started + 30:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    server.kill()
    pytest.fail(f"sshd does not answer: {server.communicate()[1].decode()}")


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = "    access_key_id = zoo\n    secret_access_key = zoo\n    region = us-east-1\n"
    endpoint = f"http://{host}:{port}"
    urlopen(Request(f"{endpoint}/zoo", method="PUT")).close()  # makes the bucket
    keys = "    access_key_id = zoo\n    secret_access_key = zoo\n    region = us-east-1\n"
    yield Server("s3://zoo/store", f"    endpointurl = {endpoint}\n{keys}")
    server.stop()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_project.make(tmp_path_factory.mktemp("remotes") / "project", remote="elsewhere")


def shared(origin: Path, folder: Path, server: Server) -> Path:
    """A project that nothing was pushed from, with a part of the server to itself."""
    made = small_project.copy(origin, folder, remote=f"{server.url}/{folder.name}")
    with (made / ".dvc/config").open("a") as file:
        file.write(server.options)
    return made


def held(project: Path) -> dict[str, int]:
    """The remote's files and their sizes, as the server says."""
    with verify.opened(project) as repo:
        (odb,) = verify.stores(repo, cache=False, remote="origin").values()
        return {name: odb.fs.size(name) for name in odb.fs.find(odb.path)} if odb.fs.exists(odb.path) else {}


def remote(project: Path, file: str) -> tuple[Any, str]:
    with verify.opened(project) as repo:
        (odb,) = verify.stores(repo, cache=False, remote="origin").values()
        return odb.fs, odb.oid_to_path(oids(project)[file])


@pytest.mark.parametrize("kind", ["ssh", "s3"])
def test_push_pull_verify_and_mend(origin: Path, tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    project = shared(origin, tmp_path, request.getfixturevalue(kind))
    dvc("push", "-q", cwd=project)
    assert "0 damaged, 0 missing" in command("verify", "--no-cache", cwd=project)
    clone = small_project.clone(project, tmp_path / "clone")
    dvc("pull", "-q", "data/generations/iter1", cwd=clone)
    assert (clone / PART).read_bytes() == (project / PART).read_bytes()

    fs, flipped = remote(project, PART)
    content = bytearray(fs.cat_file(flipped))
    content[100] ^= 1
    fs.pipe_file(flipped, bytes(content))
    fs, lost = remote(project, "data/rewards/iter1.parquet")
    fs.remove(lost)
    said = command("verify", "--repair", cwd=project, code=1)
    assert f"remote origin: {PART}: damaged" in said
    assert "remote origin: data/rewards/iter1.parquet: missing" in said
    assert not fs.exists(flipped)
    dvc("push", "-q", cwd=project)
    command("verify", cwd=project)


def test_five_per_cent_more_prompts_send_little(origin: Path, tmp_path: Path, s3: Server) -> None:
    """A larger shard: the parts that were there stay as they are, so that the new ones alone travel."""
    project = shared(origin, tmp_path, s3)
    sent = []
    for asked in (400, 420):
        write_generations(project, {"iter1": asked})
        small_project.save(project, f"prompts{asked}")
        before = held(project)
        dvc("push", "-q", "data/generations/iter1", cwd=project)
        after = held(project)
        sent.append(sum(after[name] for name in set(after) - set(before)))
    print(f"{sent[1]} of {sent[0]} bytes: {sent[1] / sent[0]:.1%}")
    assert sent[1] <= 0.15 * sent[0]


def write_generations(project: Path, sizes: dict[str, int]) -> None:
    """The table as the stage lays it out: the prompts that the shard of a pool takes, in its order, in parts."""
    ids = [f"{number:032x}" for number in range(600)]
    pool = pl.DataFrame({"prompt_id": ids, "prompt": [[{"role": "user", "content": one}] for one in ids]})
    shards = prompt_shards.deal(pool, sizes | {"dev": 1, "test": 1}, shards=1, held_out=0.2, seed=0)
    shutil.rmtree(project / "data/generations/iter1")
    parts = responses.parts(small_project.answers(shards["iter1"]["prompt_id"].to_list()), prompts=PART_PROMPTS)
    tables.write_parts(parts.items(), project / "data/generations/iter1", Generations)
