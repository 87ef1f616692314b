"""Every named fault: a file a subject in chaos/faults, each with its tuple MUTANTS."""

from importlib import import_module
from pkgutil import iter_modules

from chaos import faults
from chaos.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = tuple(
    mutant
    for module in iter_modules(faults.__path__)
    for mutant in import_module(f"chaos.faults.{module.name}").MUTANTS
)
