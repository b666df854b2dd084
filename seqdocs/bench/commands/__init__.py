"""The commands of ``python -m seqdocs bench``, a module each.

Every module has a docstring (its help), ``add_options(parser)`` and ``run(arguments, root) -> exit status``;
:mod:`seqdocs.bench.cli` names them, imports the one that is asked for, and turns what is wrong into one
sentence.
"""
