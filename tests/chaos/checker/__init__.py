"""Were the guarantees kept? Judged from what clients and workers recorded and from the database's final rows.

Pure: no clock, no I/O. Every judgement errs on the side of the accused: an interval whose ends are not exactly known is
taken as short as it can have been, so that what is reported has happened.
"""

from chaos.checker.verdict import Verdict, check
from chaos.checker.violations import Kind, Violation

__all__ = ["Kind", "Verdict", "Violation", "check"]
