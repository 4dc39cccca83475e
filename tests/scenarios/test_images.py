import re
import shutil
import string
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import docker
import pytest

from toom_scenarios import engine as engine_module
from toom_scenarios import image_marks
from toom_scenarios.base_image import COMPONENTS, REGISTRY_BASE, Base, this_mirror
from toom_scenarios.checkout import ROLES, SOURCES, Checkout, Images, write_env
from toom_scenarios.engine import connect
from toom_scenarios.errors import Broken
from toom_scenarios.image_marks import mark, remove
from toom_scenarios.images import images, main

ROOT = Path(__file__).parents[2]
BASE = Base("some-base:1", "sha256:1")
NAMES = Images("toom-server:1", "toom-client:1", "toom-scenarios:1")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "checkout"
    (root / "server" / "toom_server").mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM scratch\n")
    (root / "server" / "toom_server" / "app.py").write_text("print()\n")
    return Checkout(root)


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    try:
        client = connect()
    except Broken as refusal:
        pytest.skip(str(refusal))
    yield client
    client.close()


def test_the_name_follows_the_content(checkout: Checkout) -> None:
    before = checkout.content(BASE)
    source = checkout.root / "server" / "toom_server" / "app.py"
    source.write_text("print(1)\n")
    edited = checkout.content(BASE)
    source.chmod(0o755)
    assert len({before, edited, checkout.content(BASE)}) == 3


def test_the_name_follows_the_base(checkout: Checkout) -> None:
    assert checkout.content(BASE) != checkout.content(Base("some-base:1", "sha256:2"))


def test_what_running_leaves_behind_changes_no_name(checkout: Checkout) -> None:
    before = checkout.content(BASE)
    for leftover in (
        "server/toom_server/__pycache__/app.cpython-311.pyc",
        "server/.toom/journal",
        "server/userlog.txt",
        "reports/latest/index.html",
        ".venv/bin/python",
    ):
        (checkout.root / leftover).parent.mkdir(parents=True, exist_ok=True)
        (checkout.root / leftover).write_text("left")
    assert checkout.content(BASE) == before


def test_the_same_content_has_one_name_in_two_checkouts(checkout: Checkout, tmp_path: Path) -> None:
    other = Checkout(tmp_path / "other")
    shutil.copytree(checkout.root, other.root)
    assert other.content(BASE) == checkout.content(BASE)
    assert other.mark != checkout.mark
    assert other.project != checkout.project


def test_the_builder_gets_exactly_what_the_name_is_made_of() -> None:
    admitted = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(admitted) | {"Dockerfile", ".dockerignore"} == set(SOURCES)


def test_every_place_names_the_same_ordinary_base() -> None:
    assert f"ARG BASE_IMAGE={REGISTRY_BASE}\n" in (ROOT / "Dockerfile").read_text()
    assert f"${{BASE_IMAGE:-{REGISTRY_BASE}}}" in (ROOT / "docker-compose.yml").read_text()


def test_compose_is_told_names_of_its_own(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    write_env(checkout, BASE, NAMES)
    told = (checkout.root / ".env").read_text().splitlines()
    assert "BASE_IMAGE=some-base:1" in told
    assert f"COMPOSE_PROJECT_NAME=toom-{checkout.mark}" in told
    assert "TOOM_CLIENT_IMAGE=toom-client:1" in told
    assert not any(line.startswith("TOOM_ENGINE_SOCKET") for line in told)


def test_compose_mounts_the_socket_of_the_engine_in_use(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    write_env(checkout, BASE, NAMES)
    assert "TOOM_ENGINE_SOCKET=/run/user/1000/docker.sock" in (checkout.root / ".env").read_text()


def test_images_that_compose_names_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    for role in ROLES:
        monkeypatch.setenv(f"TOOM_{role.upper()}_IMAGE", f"toom-{role}:1")
    assert images() == NAMES


def test_an_engine_that_does_not_answer_is_could_not_find_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    assert main(["engine"]) == 3
    assert "no container engine answers at unix:///nonexistent" in capsys.readouterr().err


def test_the_mirror_of_this_machine_is_found_without_a_parser_of_our_own() -> None:
    if not shutil.which("apt-get"):
        pytest.skip("this machine has no apt")
    mirror = this_mirror()
    assert mirror.address.startswith("http")
    assert mirror.distribution in COMPONENTS


def test_the_sample_accounts_can_be_typed_and_read() -> None:
    content = (ROOT / "server" / "credentials.txt").read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    accounts = dict(line.split(" ") for line in content.decode("ascii").splitlines())
    assert {"Yoda", "Obi-wan", "Luke", "Han", "Leia"} < set(accounts)
    for password in accounts.values():
        for kind in (string.ascii_letters, string.digits, string.punctuation):
            assert set(password) & set(kind), password


@pytest.mark.engine
def test_an_image_goes_with_the_last_checkout_that_uses_it(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    content = uuid.uuid4().hex[:12]  # a name that no other checkout has
    here, there = Checkout(tmp_path / "here"), Checkout(tmp_path / "there")
    name = f"toom-server:{content}"
    engine.api.import_image_from_data(bytes(10240), repository="toom-server", tag=content)
    for checkout in (here, there):
        mark(engine, name, checkout)
    said: list[str] = []
    remove(engine, here, keep=content, say=said.append)
    assert said == []
    remove(engine, here, keep=None, say=said.append)
    assert engine.images.get(name).tags
    assert said == [f"removed {name}-in-{here.mark}"]
    remove(engine, there, keep=None, say=said.append)
    with pytest.raises(docker.errors.ImageNotFound):
        engine.images.get(name)


@pytest.mark.engine
def test_an_edit_takes_no_image_from_under_a_run(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, here = uuid.uuid4().hex[:12], Checkout(tmp_path / "here")
    name = f"toom-server:{content}"
    engine.api.import_image_from_data(bytes(10240), repository="toom-server", tag=content)
    mark(engine, name, here)
    said: list[str] = []
    remove(engine, here, keep="edited", say=said.append)
    assert said == []
    monkeypatch.setattr(image_marks, "LONGEST_RUN", timedelta(0))
    remove(engine, here, keep="edited", say=said.append)
    assert said == [f"removed {name}", f"removed {name}-in-{here.mark}"]


@pytest.mark.engine
def test_conference_images_are_no_roots(engine: docker.DockerClient) -> None:
    built = images(say=lambda line: None)
    users = [
        engine.images.get(name).attrs["Config"]["User"] for name in (built.server, built.client)
    ]
    assert users == ["toom", "toom"]


@pytest.mark.engine
def test_the_server_image_holds_no_test_tools(engine: docker.DockerClient) -> None:
    built = images(say=lambda line: None)
    probe = (
        "import importlib.util as u; print([m for m in ('pytest','docker','av') if u.find_spec(m)])"
    )
    seen = engine.containers.run(built.server, ["python", "-c", probe], remove=True)
    assert seen == b"[]\n"


def test_who_may_not_use_the_engine_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied() -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine_module, "_knock", denied)
    with pytest.raises(Broken, match="join the group docker, or use sudo"):
        connect()
