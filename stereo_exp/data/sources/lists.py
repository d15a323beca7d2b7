"""Lists of pairs as people keep them: a text file, a pair a line."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.base import DataError


def read_list(list_file: Path | str) -> tuple[bytes, str]:
    """A list file, as it is and as text; a byte order mark is no part of the text.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    try:
        data = Path(list_file).read_bytes()
        return data, data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(list_file, None, f"cannot be read ({error.strerror})", "name an existing list file") from None
    except UnicodeDecodeError as error:
        raise DataError(list_file, f"byte {error.start}", "a list file is UTF-8 text", "save it as UTF-8") from None
