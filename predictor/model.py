"""A registered model: its bytes and its manifest, from one read of its file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG

from predictor.manifest import Manifest, digest_of, read_manifests
from predictor.sandbox.errors import ModelError, Remedy
from predictor.sandbox.inspection import not_a_pickle
from predictor.whole_file import replacing


@dataclass(frozen=True)
class Model:
    """What is predicted with, whatever happens to its file meanwhile. Nothing in it has been loaded."""

    pickled: bytes = field(repr=False)
    manifest: Manifest

    @property
    def sha256(self) -> str:
        """Of `pickled`, in hex."""
        return self.manifest.sha256

    @property
    def model_id(self) -> str:
        """The first 12 hex digits of it."""
        return self.manifest.model_id

    def save(self, folder: Path) -> Path:
        """Writes the dill file and its manifest into a folder, from which `open_model` reads it; returns the path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "model.dill"
        with replacing(path) as beside:
            beside.write_bytes(self.pickled)
        replace(self.manifest, file=path.name).write(folder)
        return path


def open_model(path: str | Path, manifests: Path) -> Model:
    """Reads a model's file once, and looks its manifest up by its SHA-256 in the folder `manifests`.

    Raises ModelError where there is no such file, or it is not registered, or no longer the file that was, or where
    another version of the training made it.
    """
    pickled = read_model(path)
    digest = digest_of(pickled)
    known = read_manifests(manifests)
    for manifest in known.values():
        if manifest.sha256 == digest:
            if manifest.of_another_recipe:
                days = manifest.training.get("horizon_days")
                raise ModelError(
                    f"{path} was made by another version of the training, which this one can't go on with. "
                    f"Its horizon was {days} days.",
                    Remedy.TRAIN,
                )
            return Model(pickled, manifest)
    if reason := not_a_pickle(pickled):
        raise ModelError(f"{path} is not a dill file: {reason}")
    for written, manifest in known.items():
        if manifest.file == Path(path).name:
            raise ModelError(
                f"{path} is not registered as it is now: its SHA-256 is {digest}, and the file of that name in "
                f"{written.name} has {manifest.sha256}.",
                Remedy.REGISTER,
            )
    raise ModelError(
        f"{path} is not registered (SHA-256 {digest}), and a model file can do whatever a program can.",
        Remedy.REGISTER,
    )


def read_model(path: str | Path) -> bytes:
    """The file's bytes; ModelError where there is no such file, or none that can be read."""
    path = Path(path)
    try:
        if not S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise ModelError(f"{path} is a device or a pipe, not a model file.")  # it may have no end, or no beginning
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"There is no model file {path}.") from None
    except IsADirectoryError:
        raise ModelError(f"{path} is a folder, not a model file.") from None
    except OSError as problem:
        raise ModelError(f"The model file {path} can't be read: {problem.strerror}.") from None
