"""DuckDB over every table of a project: catalog, statements, named queries and views."""
