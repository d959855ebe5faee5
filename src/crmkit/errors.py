"""The errors that crmkit raises: each says what was required, what was found and what to do.

All of them are a :class:`CRMKitError`, which is a ``ValueError``::

    CRMKitError
    ├── ColumnError        a column is missing, double or of the wrong type
    ├── ParameterError     an argument is outside its range
    ├── DataError          the rows break a rule: null keys, dates after as_of, negative counts
    └── ConvergenceError   a model could not be fitted

`CRMKitWarning` marks what a caller should know but may ignore.
"""


class CRMKitError(ValueError):
    """Base class of every error raised on purpose by crmkit."""


class ColumnError(CRMKitError):
    """A column is missing, appears twice, or has a type that its role does not allow."""


class ParameterError(CRMKitError):
    """An argument is of the wrong type or outside its range."""


class DataError(CRMKitError):
    """The rows break a rule of their table: null keys, duplicates, impossible values."""


class ConvergenceError(CRMKitError):
    """A model could not be fitted to the data that were given."""


class CRMKitWarning(UserWarning):
    """A result is right but needs a caveat that the caller should see."""


def missing_extra(package: str, extra: str) -> ImportError:
    """Make the error for an optional package that is not installed, with the command that installs it.

    Parameters
    ----------
    package : str
        The package that could not be imported.
    extra : str
        The extra of crmkit that brings it.

    Returns
    -------
    ImportError
        An error with a message of one line.

    Examples
    --------
    >>> print(missing_extra("typer", "cli"))
    typer is not installed: run pip install 'crmkit[cli]'
    """
    return ImportError(f"{package} is not installed: run pip install 'crmkit[{extra}]'", name=package)
