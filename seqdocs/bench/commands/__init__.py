"""The commands of ``python -m seqdocs bench``, a module each.

Every module has ``ABOUT`` (its help, a sentence), ``add_options(parser)`` and ``run(arguments, root) -> exit
status``; :mod:`seqdocs.bench.cli` names them and turns what is wrong into one sentence.
"""
