"""The peers' own environments, built on request: `python peers.py` makes those that are missing."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
#: Where the environments are: out of the tree's way, and kept from one time to the next.
ENVIRONMENTS: Final = ROOT / ".venv" / "peers"


class Peer(NamedTuple):
    """A program that does the same: what is installed, and the module and the function that sweep with it."""

    packages: tuple[str, ...]
    module: str
    name: str


PEERS: Final[Mapping[str, Peer]] = {
    "QCoDeS": Peer(("qcodes==0.58.*",), "peer_qcodes", "qcodes"),
    "PyMeasure": Peer(("pymeasure==0.16.*",), "peer_pymeasure", "pymeasure"),
    "Bluesky + ophyd": Peer(("bluesky==1.15.*", "ophyd"), "peer_bluesky", "bluesky"),
}


def interpreter(peer: Peer) -> Path:
    """The Python that a peer is installed for."""
    return ENVIRONMENTS / peer.name / "bin" / "python"


def is_built(peer: Peer) -> bool:
    """Return True where a peer can be run."""
    return interpreter(peer).with_name("built").exists()


def build(peer: Peer) -> None:
    """Make a peer's environment, with this package in it, whose instruments it drives."""
    folder = ENVIRONMENTS / peer.name
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    python = str(interpreter(peer))
    subprocess.run([python, "-m", "pip", "install", "-q", "-e", str(ROOT), *peer.packages], check=True)
    interpreter(peer).with_name("built").touch()


def build_missing() -> None:
    """Make the environments that are not there yet."""
    for title, peer in PEERS.items():
        if not is_built(peer):
            sys.stderr.write(f"building the environment of {title} ...\n")
            build(peer)


if __name__ == "__main__":
    build_missing()
