"""The digest that a model file is known by."""

from __future__ import annotations

import hashlib
from pathlib import Path

from predictor.errors import ModelError


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
    return hashlib.sha256(pickled).hexdigest()


def model_id(path: str | Path) -> str:
    """The first 12 hex digits of the file's SHA-256."""
    return digest_of(read_model(path))[:12]
