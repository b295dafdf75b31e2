"""Which models may be run: one small JSON file for each, found by the digest of the model's bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from predictor.errors import ModelError
from predictor.inspection import inspect
from predictor.settings import Settings


@dataclass(frozen=True)
class Manifest:
    """What is known of a registered model.

    `features` are the columns that it gets, in order. `interpreter` is None for this project's own Python. `bytecode`
    lists the Pythons whose bytecode the file may carry. `example` has `inputs` and `outputs`, `edges` what came of odd
    rows. `training` is filled for models that `make train` made: horizon_days, metrics and so on.
    """

    file: str
    sha256: str
    size: int
    features: list[str]
    interpreter: str | None
    python: str
    packages: dict[str, str]
    imports: list[str]
    bytecode: list[str]
    example: dict
    edges: dict
    box: str
    registered_at: str
    registered_by: str
    training: dict = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        """The first 12 hex digits of the file's SHA-256."""
        return self.sha256[:12]

    def write(self, folder: Path) -> Path:
        """Writes the manifest, over an older one of the same file; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{Path(self.file).stem}-{self.model_id}.json"
        for older, manifest in read_manifests(folder).items():
            path = older if manifest.sha256 == self.sha256 else path
        beside = path.with_suffix(f".{os.getpid()}.new")
        beside.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        beside.replace(path)
        return path


def read_model(path: str | Path) -> bytes:
    """The file's bytes; ModelError where there is no such file, or none that can be read."""
    path = Path(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"There is no model file {path}.") from None
    except IsADirectoryError:
        raise ModelError(f"{path} is a folder, not a model file.") from None
    except OSError as problem:
        raise ModelError(f"The model file {path} can't be read: {problem.strerror}.") from None


def digest_of(pickled: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(pickled).hexdigest()


def model_id(path: str | Path) -> str:
    """The first 12 hex digits of the file's SHA-256."""
    return digest_of(read_model(path))[:12]


def find_manifest(model: str | Path, settings: Settings | None = None) -> Manifest:
    """The manifest of a registered model; ModelError where it is not registered, or no longer the file that was."""
    settings = settings or Settings.from_environment()
    return manifest_of(read_model(model), model, settings.manifests)


def manifest_of(pickled: bytes, model: str | Path, folder: Path) -> Manifest:
    """The manifest for these bytes, which were read from the file `model`."""
    digest = digest_of(pickled)
    manifests = read_manifests(folder)
    for manifest in manifests.values():
        if manifest.sha256 == digest:
            return manifest
    try:
        inspect(pickled)
    except ModelError as problem:
        raise ModelError(f"{model} is no dill file: {problem}") from None
    command = f"make register MODEL={shlex.quote(str(model))}"
    for path, manifest in manifests.items():
        if manifest.file == Path(model).name:
            raise ModelError(
                f"{model} is not registered as it is now: its SHA-256 is {digest}, and the file of that name in "
                f"{path.name} has {manifest.sha256}.\nIf you trust the file as it is now: {command}"
            )
    raise ModelError(
        f"{model} is not registered (SHA-256 {digest}), and a model file can do whatever a program can.\n"
        f"If you trust who gave it to you: {command}"
    )


def read_manifests(folder: Path) -> dict[Path, Manifest]:
    """All manifests in a folder, by path; ModelError for one that is damaged."""
    known = {each.name for each in fields(Manifest)}
    manifests = {}
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            manifests[path] = Manifest(**{name: value for name, value in content.items() if name in known})
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            raise ModelError(f"The manifest {path} can't be read: {problem}.\nRegister its model again.") from None
    return manifests
