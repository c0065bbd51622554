"""The expression language: a documented subset of SQL, parsed to a typed tree, rendered to SQL and evaluated in NumPy."""

from nightloop.expressions.expression import Expression, compile_expression

__all__ = ["Expression", "compile_expression"]
