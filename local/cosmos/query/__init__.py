"""query text -> sqlglot AST (parse) -> SQL over JSON1 (compile, expressions) -> pages (page)

Values compare and sort as in Cosmos (values, functions), which SQLite learns in sqlite.
"""
