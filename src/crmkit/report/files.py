"""Read one CSV or Parquet file, or say in a sentence why it cannot be read."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmkit.errors import DataError, missing_extra
from crmkit.report.settings import FILE_NAME, TableSettings, is_file, stays_inside

if TYPE_CHECKING:
    import pandas as pd


class UnreadableError(DataError):
    """A file that cannot be read at all; the text says why."""


def read_file(home: Path, file: str, settings: TableSettings) -> "pd.DataFrame":
    r"""Read one file as it is: the fields of a CSV file as text, those of a Parquet file with their types.

    Parameters
    ----------
    home : Path
        The folder.
    file : str
        Name of the file in it.
    settings : TableSettings
        What separates the fields.

    Returns
    -------
    pandas.DataFrame
        The table with the names of the file.

    Raises
    ------
    UnreadableError
        If the file is no such table, lies outside the folder, or names a column twice.
    ImportError
        If it is a Parquet file and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> _ = Path(home, "t.csv").write_text("id,id\n007,1\n")
    >>> read_file(home, "t.csv", TableSettings())
    Traceback (most recent call last):
    ...
    crmkit.report.files.UnreadableError: t.csv has the column id more than once
    """
    path = home / file
    if not stays_inside(home, file):
        msg = f"{file} is a link to a file outside the folder"
        raise UnreadableError(msg)
    if not is_file(path):
        msg = f"{file} is not a file"
        raise UnreadableError(msg)
    content = path.read_bytes()
    if not content.strip():
        msg = f"{file} is empty ({len(content)} bytes)"
        raise UnreadableError(msg)
    if path.suffix.lower() == ".parquet":
        return _read_parquet(content, file)
    return _read_csv(content, file, settings)


def _read_csv(content: bytes, file: str, settings: TableSettings) -> "pd.DataFrame":
    import pandas as pd

    if b"\0" in content:
        msg = f"{file} is not a text file: it holds zero bytes, as binary files and UTF-16 do"
        raise UnreadableError(f"{msg}. Save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{file} is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}. Save it as UTF-8"
        raise UnreadableError(msg) from None
    options: dict[str, Any] = {
        "sep": settings.separator,
        "dtype": str,
        "keep_default_na": False,
        "na_values": [""],
        "index_col": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(io.StringIO(text), header=None, nrows=1, **options).iloc[0]
            _refuse_header(list(header), file, settings)
            frame: pd.DataFrame = pd.read_csv(io.StringIO(text), **options)
    except pd.errors.ParserWarning:
        msg = f"{file} is not a table: a row has more fields than the header. Quote what holds a separator"
        raise UnreadableError(msg) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        msg = f"{file} is not a table: {' '.join(str(error).split())}"
        raise UnreadableError(msg) from None
    return frame


def _refuse_header(header: list[Any], file: str, settings: TableSettings) -> None:
    """Find doubles in the header as it stands in the file: pandas would rename the second one."""
    doubles = sorted({str(one) for one in header if header.count(one) > 1})
    if doubles:
        msg = f"{file} has the column {', '.join(doubles)} more than once"
        raise UnreadableError(msg)
    other = [one for one in (";", "\t", "|", ",") if one in str(header[0]) and one != settings.separator]
    if len(header) == 1 and other:
        msg = f"{file} has one column, '{header[0]}': perhaps its fields are separated by {other[0]!r}"
        raise UnreadableError(f"{msg}. Say so in {FILE_NAME}, separator = {other[0]!r}")


def _read_parquet(content: bytes, file: str) -> "pd.DataFrame":
    import pandas as pd

    try:
        import pyarrow as pa
    except ImportError:
        raise missing_extra("pyarrow", "arrow") from None
    try:
        frame = pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except (pa.ArrowException, ValueError, OSError) as error:
        msg = f"{file} is not a Parquet file that can be read: {str(error).splitlines()[0]}"
        raise UnreadableError(msg) from None
    return frame.reset_index(drop=frame.index.names == [None])
