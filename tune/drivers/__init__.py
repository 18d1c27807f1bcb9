"""Who executes: a driver takes work from the optimizer until there is none, and puts what comes of it in the ledger."""

from typing import TYPE_CHECKING

from tune.exports import exported

if TYPE_CHECKING:
    from tune.drivers.job import Job

__all__ = ["Job"]
__getattr__ = exported(__name__, {"Job": "job"})
