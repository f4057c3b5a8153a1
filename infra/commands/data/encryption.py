"""Archives encrypted by age (https://age-encryption.org/v1), which the program `age` reads and writes as well."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from infra.commands.data.ends import DataError

HEAD = b"age-encryption.org/v1\n"  # the beginning of what age has encrypted


class NoKeyError(DataError):
    """No key for an encrypted archive, or another one; which says nothing of the archive itself."""


def recipients(texts: Sequence[str]) -> list[Any]:
    """The public keys, each `age1…` or one of SSH. Raises DataError."""
    import pyrage  # noqa: PLC0415  # only for encrypted archives

    found = []
    for text in texts:
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        try:
            found.append(kind.Recipient.from_str(text))
        except pyrage.RecipientError:
            raise DataError(
                f"--recipient {text}: allowed is a public key of age (age1…) or of SSH (ssh-ed25519 …, ssh-rsa …). "
                "Fix: age-keygen -o key.txt, which prints one"
            ) from None
    return found


def identities(files: Sequence[Path]) -> list[Any]:
    """The private keys in the files, of age (a line each) or of SSH without a passphrase. Raises NoKeyError."""
    import pyrage  # noqa: PLC0415

    found = []
    for file in files:
        try:
            content = file.read_bytes()
            if b"-----BEGIN" in content:
                found.append(pyrage.ssh.Identity.from_buffer(content))
                continue
            lines = (line.strip() for line in content.decode().splitlines())
            found += [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
        except OSError as error:
            raise NoKeyError(f"--identity {file} can't be read: {error.strerror}") from None
        except (pyrage.IdentityError, UnicodeDecodeError):
            raise NoKeyError(
                f"--identity {file} isn't a file of private keys: allowed is one of age-keygen, or an SSH key without "
                "a passphrase"
            ) from None
    return found


@contextmanager
def encrypted(out: IO[bytes], keys: Sequence[Any]) -> Iterator[IO[bytes]]:
    """A stream whose content arrives in `out` encrypted for these public keys; unchanged without any."""
    if not keys:
        yield out
        return
    import pyrage  # noqa: PLC0415

    read, write = os.pipe()

    def work() -> None:
        with os.fdopen(read, "rb") as source:  # closed after a failure, so that whoever writes sees it
            pyrage.encrypt_io(source, out, keys)

    work_beside = _Beside(work)
    try:
        with os.fdopen(write, "wb") as stream:
            yield stream
    except BrokenPipeError:
        work_beside.join()
        raise
    except BaseException:
        with suppress(Exception):  # what comes of half an archive doesn't matter
            work_beside.join()
        raise
    work_beside.join()


@contextmanager
def decrypted(file: IO[bytes], keys: Sequence[Any]) -> Iterator[IO[bytes]]:
    """The content of a file from its beginning, decrypted if it is encrypted. Raises DataError where no key fits."""
    file.seek(0)
    head = file.read(len(HEAD))
    file.seek(0)
    if head != HEAD:
        yield file
        return
    if not keys:
        raise NoKeyError("The archive is encrypted. Fix: the same with --identity FILE, the private key")
    import pyrage  # noqa: PLC0415

    read, write = os.pipe()

    def work() -> None:
        # Whoever reads may have had enough; a failure ends the stream.
        with suppress(BrokenPipeError), os.fdopen(write, "wb") as target:
            pyrage.decrypt_io(file, target, keys)

    work_beside = _Beside(work)
    try:
        with os.fdopen(read, "rb") as stream:
            yield stream
    finally:
        try:
            work_beside.join()
        except (pyrage.DecryptError, OSError) as error:
            fix = "Fix: another --identity, or an undamaged copy of the file"
            kind = NoKeyError if "No matching keys" in str(error) else DataError  # age has no other sign
            raise kind(f"The archive can't be decrypted: {error}. {fix}") from None


class _Beside:
    """Does something in a thread. `join` waits for its end, and raises what it raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work, self._failed = work, list[BaseException]()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # raised by `join`
            self._failed.append(error)

    def join(self) -> None:
        self._thread.join()
        if self._failed:
            raise self._failed[0]
